// Apache with mod_auth_openidc, a real resource server that is not ours, for the gateway tests: Debian's packages,
// unpacked into the cache. Nothing is installed on the machine, no service is started, and no root is needed.

import { access, mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { cache, fillOnce, type Report } from "./folders.ts";

export interface Apache {
  readonly program: string;
  /** Folder of the modules. */
  readonly modules: string;
  /** What the program needs in its environment to find its libraries. */
  readonly env: Readonly<Record<string, string>>;
}

const packages = ["apache2-bin", "libapache2-mod-auth-openidc"];
const folder = path.join(cache, "apache");

/**
 * Brings Apache, once per machine.
 * @throws Error saying why it cannot be had here.
 */
export async function ensureApache(report: Report = () => {}): Promise<Apache> {
  await fillOnce(folder, isComplete, async (fresh) => {
    if ((await execa("apt-get", ["--version"], { reject: false })).failed) {
      throw new Error(
        "Apache with mod_auth_openidc is brought from Debian's packages, and there is no apt-get",
      );
    }
    report("Fetching Apache with mod_auth_openidc from Debian's packages");
    await unpack(fresh, `${fresh}.apt`);
  });
  const lib = path.join(folder, "usr", "lib");
  const architecture = (await readdir(lib)).find((name) => name.includes("-linux-")) ?? "";
  return {
    program: path.join(folder, "usr", "sbin", "apache2"),
    modules: path.join(lib, "apache2", "modules"),
    env: { LD_LIBRARY_PATH: path.join(lib, architecture) },
  };
}

/** With lists and archives of our own, so that apt asks for no root and the machine's own stay as they are. */
async function unpack(fresh: string, work: string): Promise<void> {
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
  await run("apt-get", [...options, "-q", "update"]);
  // What is installed already is downloaded again only where it is named: its libraries are on the machine then.
  const install = ["-q", "--yes", "--no-install-recommends", "--download-only", "--reinstall", "install"];
  await run("apt-get", [...options, ...install, ...packages]);
  for (const name of await readdir(archives)) {
    if (name.endsWith(".deb")) await run("dpkg-deb", ["--extract", path.join(archives, name), fresh]);
  }
}

async function run(program: string, args: string[]): Promise<void> {
  const { failed, all } = await execa(program, args, {
    all: true,
    stdin: "ignore",
    reject: false,
    // apt's words are matched nowhere, but they end up in our error.
    env: { LC_ALL: "C" },
  });
  if (!failed) return;
  const said = (all ?? "").trim().split("\n").slice(-3).join(" ");
  throw new Error(`${program} could not bring Apache from Debian's packages: ${said}`);
}

const isComplete = async (where: string) =>
  (await exists(path.join(where, "usr", "sbin", "apache2"))) &&
  (await exists(path.join(where, "usr", "lib", "apache2", "modules", "mod_auth_openidc.so")));

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );
