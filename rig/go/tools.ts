// Builds the programs that only the tests use, once per machine.

import path from "node:path";
import { cache, executable, fillOnce, isExecutable, type Report } from "../machine/folders.ts";
import { build, hasGo, hashOf } from "./build.ts";

/** The package of each program, and its name. */
const programs = {
  /** Breaks TCP connections. */
  toxiproxy: ["github.com/Shopify/toxiproxy/v2/cmd/server", "server"],
  /** Checks GitHub workflows. */
  actionlint: ["github.com/rhysd/actionlint/cmd/actionlint", "actionlint"],
} as const;
export type Tool = keyof typeof programs;

/** @returns the program, or undefined without Go to build it */
export async function ensureTool(tool: Tool, report: Report = () => {}): Promise<string | undefined> {
  const [source, name] = programs[tool];
  const program = executable(name);
  const folder = path.join(cache, `${tool}-${await hashOf(`${tool}/go.mod`, `${tool}/go.sum`)}`);
  const isBuilt = (candidate: string) => isExecutable(path.join(candidate, program));
  if (!(await isBuilt(folder))) {
    if (!(await hasGo())) return undefined;
    report(`Building ${tool} with Go`);
    await fillOnce(folder, isBuilt, async (fresh) => {
      await build(tool, source, fresh + path.sep);
    });
  }
  return path.join(folder, program);
}
