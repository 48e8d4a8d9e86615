// Builds programs with Go, from the modules in this folder. Their dependencies are locked.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";

/** A folder beside this file. */
export type Module = "actionlint" | "cli" | "keycloak-plugin" | "node-host" | "toxiproxy";

/**
 * Builds one package of a module.
 * @param output a file; or a folder, if it ends with a separator: then Go chooses the program's name
 */
export async function build(module: Module, source: string, output: string, ldflags = ""): Promise<void> {
  // No debug information: the compiler needs a seventh less time.
  const flags = ["-mod=readonly", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", `-s -w ${ldflags}`];
  await go(module, ["build", ...flags, "-o", output, source]);
}

/** Runs Go in a module. @returns what it prints. */
export async function go(module: Module, args: string[]): Promise<string> {
  const { failed, stdout, stderr, isTerminated } = await execa("go", args, {
    cwd: path.join(import.meta.dirname, module),
    env: { CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "", GOOS: "", GOARCH: "" },
    stdin: "ignore",
    reject: false,
  });
  if (!failed) return stdout.trim();
  const command = `go ${args[0]} in rig/go/${module}`;
  const tail = stderr.trim().split("\n").slice(-15).join("\n");
  throw new Error(isTerminated ? `${command} was stopped.` : `${command} failed:\n${tail}`);
}

export async function hasGo(): Promise<boolean> {
  const { failed } = await execa("go", ["version"], {
    cwd: import.meta.dirname,
    stdin: "ignore",
    reject: false,
  });
  return !failed;
}

/** Changes whenever one of these files does, for example `cli/go.mod`, and so tells an outdated build. */
export async function hashOf(...files: string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const file of files) hash.update(await readFile(path.join(import.meta.dirname, file)));
  return hash.digest("hex").slice(0, 12);
}
