// Fetches programs from Debian's packages and unpacks them into the cache. It installs nothing on the machine, starts no
// service, and needs no root.

import { mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { cache, fillOnce, type Report } from "../machine/folders.ts";

export interface DebianOptions {
  /** Folder in the cache, and the name in messages: `postgresql`. */
  readonly name: string;
  /** Names, or patterns that apt-get understands. Name packages with files, not metapackages: see `unpack`. */
  readonly packages: readonly string[];
  /** Does the folder hold everything? */
  readonly isComplete: (folder: string) => Promise<boolean>;
  readonly report?: Report;
}

/**
 * Fetches packages and their dependencies, once per machine.
 * @returns the folder that contains their `usr`
 * @throws Error saying why they cannot be fetched here
 */
export async function ensureDebianPackages(options: DebianOptions): Promise<string> {
  const { name, packages, isComplete, report } = options;
  const folder = path.join(cache, name);
  await fillOnce(folder, isComplete, async (fresh) => {
    report?.(`Fetching ${name} from Debian's packages`);
    await unpack(name, packages, fresh, `${fresh}.apt`);
    if (!(await isComplete(fresh))) {
      throw new Error(`Debian's packages ${packages.join(", ")} lack a part of ${name}`);
    }
  });
  return folder;
}

/** The environment in which programs unpacked there find their libraries. */
export async function librariesOf(folder: string): Promise<Record<string, string>> {
  const lib = path.join(folder, "usr", "lib");
  const architecture = (await readdir(lib)).find((name) => name.includes("-linux-")) ?? "";
  return { LD_LIBRARY_PATH: path.join(lib, architecture) };
}

/** Uses lists and archives of its own: so apt needs no root, and the machine's own stay as they are. */
async function unpack(name: string, packages: readonly string[], fresh: string, work: string): Promise<void> {
  const archives = path.join(work, "archives");
  await mkdir(path.join(work, "lists", "partial"), { recursive: true });
  await mkdir(path.join(archives, "partial"), { recursive: true });
  const options = [
    `Dir::State::lists=${path.join(work, "lists")}`,
    `Dir::Cache=${work}`,
    `Dir::Cache::archives=${archives}`,
    "Debug::NoLocking=1",
    "APT::Sandbox::User=root",
  ].flatMap((option) => ["-o", option]);
  await run(name, "apt-get", [...options, "-q", "update"]);
  // Of installed packages apt downloads only those named here. Their dependencies are on the machine already.
  const install = ["-q", "--yes", "--no-install-recommends", "--download-only", "--reinstall", "install"];
  await run(name, "apt-get", [...options, ...install, ...packages]);
  for (const archive of await readdir(archives)) {
    if (archive.endsWith(".deb"))
      await run(name, "dpkg-deb", ["--extract", path.join(archives, archive), fresh]);
  }
}

async function run(name: string, program: string, args: string[]): Promise<void> {
  // The output ends up in our error, so it is asked for in English.
  const result = await execa(program, args, {
    all: true,
    stdin: "ignore",
    reject: false,
    env: { LC_ALL: "C" },
  });
  if (!result.failed) return;
  const said = result.all.trim().split("\n").slice(-3).join(" ") || result.originalMessage;
  throw new Error(`${program} could not fetch ${name} from Debian's packages: ${said}`);
}
