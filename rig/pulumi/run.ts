// Runs the pinned Pulumi CLI on this repository's program, in the local environment.

import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { root } from "../machine/folders.ts";
import { pulumi } from "./engine.ts";
import { localEnvironment } from "./environment.ts";

export interface PulumiOptions {
  /** Receives every line of output. Default: the CLI uses the caller's terminal. */
  onLine?: (line: string) => void;
  /** What the CLI reads, where it has no terminal. */
  input?: string;
  /** When aborted, the CLI is asked to cancel, and cleans up first. */
  signal?: AbortSignal;
}

export interface PulumiResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs the CLI on this repository's program. If Pulumi.dev.yaml has no `encryptionsalt`, the CLI writes the salt from the
 * state into it. The salt belongs to this clone's passphrase, not to the tracked file, so it is taken out again.
 */
export async function runPulumi(
  args: string[],
  { onLine, input = "", signal }: PulumiOptions,
): Promise<PulumiResult> {
  const file = path.join(root, "Pulumi.dev.yaml");
  const before = await readFile(file, "utf8").catch(() => "");
  const note = function* (line: unknown) {
    onLine?.(`${line}`);
    yield line;
  };
  const result = await execa(pulumi, args, {
    cwd: root,
    env: await localEnvironment(args),
    extendEnv: false,
    reject: false,
    ...(onLine ? { input, stdout: note, stderr: note } : { stdio: "inherit" }),
    cancelSignal: signal,
    killSignal: "SIGINT",
    forceKillAfterDelay: false,
  });
  await leaveOut(salt, file, before);
  if (result.exitCode === undefined && !signal?.aborted)
    throw new Error(result.originalMessage ?? "The Pulumi CLI failed.");
  const { exitCode = 130, stdout, stderr } = result;
  return { exitCode, stdout: `${stdout ?? ""}`, stderr: `${stderr ?? ""}` };
}

const salt = /^encryptionsalt: .*\n?/m;

async function leaveOut(part: RegExp, file: string, before: string) {
  const after = await readFile(file, "utf8").catch(() => "");
  // A file with secrets is of no use without its salt.
  if (part.test(before) || !part.test(after) || /^\s+secure: /m.test(after)) return;
  const rest = after.replace(part, "");
  // The CLI also quotes values in its own way.
  const unquoted = (text: string) => text.replaceAll('"', "");
  await writeFile(file, unquoted(rest) === unquoted(before) ? before : rest);
}
