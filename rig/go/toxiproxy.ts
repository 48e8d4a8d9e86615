// Builds toxiproxy, which breaks TCP connections for the tests, once per machine.

import path from "node:path";
import { cache, executable, fillOnce, isExecutable, type Report } from "../machine/folders.ts";
import { build, hasGo, hashOf } from "./build.ts";

const program = executable("server");

/** @returns the program, or undefined without Go to build it */
export async function ensureToxiproxy(report: Report = () => {}): Promise<string | undefined> {
  const folder = path.join(cache, `toxiproxy-${await hashOf("toxiproxy/go.mod", "toxiproxy/go.sum")}`);
  const isBuilt = (candidate: string) => isExecutable(path.join(candidate, program));
  if (!(await isBuilt(folder))) {
    if (!(await hasGo())) return undefined;
    report("Building toxiproxy with Go");
    await fillOnce(folder, isBuilt, async (fresh) => {
      await build("toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server", fresh + path.sep);
    });
  }
  return path.join(folder, program);
}
