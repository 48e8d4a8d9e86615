// Programs from Debian's packages, unpacked into the cache: nothing is installed on the machine, no service is
// started, and no root is needed.

import { mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { cache, fillOnce, type Report } from "../machine/folders.ts";

export interface DebianOptions {
  /** Folder in the cache, and what is brought, in words: `postgresql`. */
  readonly name: string;
  /** Names, or patterns as apt-get takes them. A package without files of its own brings nothing that is installed. */
  readonly packages: readonly string[];
  /** Is all of it there? */
  readonly isComplete: (folder: string) => Promise<boolean>;
  readonly report?: Report;
}

/**
 * Brings packages and what they depend on, once per machine.
 * @returns the folder that their `usr` is in
 * @throws Error saying why they cannot be had here.
 */
export async function ensureDebianPackages(options: DebianOptions): Promise<string> {
  const { name, packages, isComplete, report } = options;
  const folder = path.join(cache, name);
  await fillOnce(folder, isComplete, async (fresh) => {
    report?.(`Fetching ${name} from Debian's packages`);
    await unpack(name, packages, fresh, `${fresh}.apt`);
    if (!(await isComplete(fresh))) {
      throw new Error(`Debian's packages ${packages.join(", ")} do not hold all of ${name}`);
    }
  });
  return folder;
}

/** What programs that were unpacked there need in their environment to find their libraries. */
export async function librariesOf(folder: string): Promise<Record<string, string>> {
  const lib = path.join(folder, "usr", "lib");
  const architecture = (await readdir(lib)).find((name) => name.includes("-linux-")) ?? "";
  return { LD_LIBRARY_PATH: path.join(lib, architecture) };
}

/** With lists and archives of our own, so that apt asks for no root and the machine's own stay as they are. */
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
  // What is installed already is downloaded again only where it is named: its libraries are on the machine then.
  const install = ["-q", "--yes", "--no-install-recommends", "--download-only", "--reinstall", "install"];
  await run(name, "apt-get", [...options, ...install, ...packages]);
  for (const archive of await readdir(archives)) {
    if (archive.endsWith(".deb"))
      await run(name, "dpkg-deb", ["--extract", path.join(archives, archive), fresh]);
  }
}

async function run(name: string, program: string, args: string[]): Promise<void> {
  // apt's words are matched nowhere, but they end up in our error.
  const result = await execa(program, args, {
    all: true,
    stdin: "ignore",
    reject: false,
    env: { LC_ALL: "C" },
  });
  if (!result.failed) return;
  const said = result.all.trim().split("\n").slice(-3).join(" ") || result.originalMessage;
  throw new Error(`${program} could not bring ${name} from Debian's packages: ${said}`);
}
