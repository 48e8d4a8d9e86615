// Fetches Apache with mod_auth_openidc from Debian's packages: a real resource server, not ours, for the gateway tests.

import path from "node:path";
import { exists, type Report } from "../machine/folders.ts";
import { ensureDebianPackages, librariesOf } from "../packages/debian.ts";

export interface Apache {
  readonly program: string;
  /** Folder of the modules. */
  readonly modules: string;
  /** The environment in which the program finds its libraries. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Fetches Apache, once per machine.
 * @throws Error saying why it cannot be fetched here
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
