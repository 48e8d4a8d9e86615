// A file that only its owner can read, as a resource. If somebody changes or deletes it, the next up writes it again.
import * as pulumi from "@pulumi/pulumi";

export interface SecretFileArgs {
  /** The file's path, relative to the program. */
  path: pulumi.Input<string>;
  content: pulumi.Input<string>;
}

interface File {
  path: string;
  content: string;
}

const provider: pulumi.dynamic.ResourceProvider<File, File> = {
  async create(file) {
    await write(file);
    return { id: file.path, outs: file };
  },
  async diff(_id, olds, news) {
    const replaces = olds.path === news.path ? [] : ["path"];
    return { changes: replaces.length > 0 || (await read(news.path)) !== news.content, replaces };
  },
  async update(_id, _olds, news) {
    await write(news);
    return { outs: news };
  },
  async delete(_id, { path }) {
    await files().rm(path, { force: true });
  },
};

export class SecretFile extends pulumi.dynamic.Resource {
  declare readonly path: pulumi.Output<string>;

  constructor(name: string, args: SecretFileArgs, options?: pulumi.CustomResourceOptions) {
    super(provider, name, { ...args, content: pulumi.secret(args.content) }, options);
  }
}

async function write({ path, content }: File): Promise<void> {
  const { chmod, mkdir, rename, writeFile } = files();
  const fresh = `${path}.new`;
  await mkdir(path.replace(/[^/\\]*$/, "."), { recursive: true });
  await writeFile(fresh, content, { mode: 0o600 });
  // The mode above only counts for a new file.
  await chmod(fresh, 0o600);
  await rename(fresh, path);
}

function read(path: string): Promise<string | undefined> {
  return files()
    .readFile(path, "utf8")
    .catch(() => undefined);
}

/** Pulumi keeps these functions in the state and runs them from there, so they cannot use imports. */
function files(): typeof import("node:fs/promises") {
  return process.getBuiltinModule("node:fs/promises");
}
