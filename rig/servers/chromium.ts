// Finds Chromium on this machine, or fetches it from Debian's packages, for the tests that look at Keycloak's admin console.

import path from "node:path";
import { exists, isExecutable, type Report } from "../machine/folders.ts";
import { ensureDebianPackages, librariesOf } from "../packages/debian.ts";

export interface Chromium {
  readonly program: string;
  /** The environment in which the program finds its libraries. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * @returns the machine's own Chrome or Chromium, or Debian's, fetched once per machine
 * @throws Error saying why it cannot be fetched here
 */
export async function ensureChromium(report?: Report): Promise<Chromium> {
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    for (const name of ["google-chrome", "chromium"]) {
      const program = path.join(folder, name);
      if (await isExecutable(program)) return { program, env: {} };
    }
  }
  const folder = await ensureDebianPackages({
    name: "chromium",
    packages: ["chromium"],
    isComplete: (folder) => exists(programIn(folder)),
    report,
  });
  const { LD_LIBRARY_PATH: libraries } = await librariesOf(folder);
  // libpulse keeps a part of itself in a folder of its own.
  return {
    program: programIn(folder),
    env: { LD_LIBRARY_PATH: `${libraries}:${libraries}/pulseaudio` },
  };
}

const programIn = (folder: string) => path.join(folder, "usr", "lib", "chromium", "chromium");
