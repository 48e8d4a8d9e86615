// Apache with mod_auth_openidc, a real resource server that is not ours, for the gateway tests: Debian's packages.

import path from "node:path";
import { exists, type Report } from "../machine/folders.ts";
import { ensureDebianPackages, librariesOf } from "../packages/debian.ts";

export interface Apache {
  readonly program: string;
  /** Folder of the modules. */
  readonly modules: string;
  /** What the program needs in its environment to find its libraries. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Brings Apache, once per machine.
 * @throws Error saying why it cannot be had here.
 */
export async function ensureApache(report?: Report): Promise<Apache> {
  const folder = await ensureDebianPackages({
    name: "apache",
    packages: ["apache2-bin", "libapache2-mod-auth-openidc"],
    isComplete,
    report,
  });
  return { program: programIn(folder), modules: modulesIn(folder), env: await librariesOf(folder) };
}

const programIn = (folder: string) => path.join(folder, "usr", "sbin", "apache2");
const modulesIn = (folder: string) => path.join(folder, "usr", "lib", "apache2", "modules");

const isComplete = async (folder: string) =>
  (await exists(programIn(folder))) && (await exists(path.join(modulesIn(folder), "mod_auth_openidc.so")));
