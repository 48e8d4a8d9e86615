// Runs around `npm pack` and `npm publish`, as `prepack` and `postpack`. It compiles JavaScript, declarations and source
// maps into dist/, and while npm packs, package.json points there and README's links into the repository. The repository
// itself runs its .ts files. A real `npm publish` is refused while the repository has no address.

import { spawn } from "node:child_process";
import { glob, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { failWith } from "../rig/console/steps.ts";
import { local, root } from "../rig/machine/folders.ts";
import { listProcesses } from "../rig/machine/processes.ts";
import { type Files, published, replaced, requireAddress } from "./pack/published.ts";

/** Keeps the repository's own files while the published ones are in their place. */
const kept = path.join(local, "pack");
const dist = path.join(root, "dist");

async function pack(): Promise<void> {
  await restore();
  const own = await read(root);
  const isReal = process.env.npm_command === "publish" && process.env.npm_config_dry_run !== "true";
  if (isReal) requireAddress(JSON.parse(own["package.json"]));
  await compile();
  await mkdir(kept, { recursive: true, mode: 0o700 });
  for (const name of replaced) await writeFile(path.join(kept, name), own[name]);
  await startGuard();
  const packed = published(own);
  for (const name of replaced) await replace(name, packed[name]);
}

async function read(folder: string): Promise<Files> {
  const text = (name: string) => readFile(path.join(folder, name), "utf8");
  return { "package.json": await text("package.json"), "README.md": await text("README.md") };
}

async function compile(): Promise<void> {
  await rm(dist, { recursive: true, force: true });
  const tsc = path.join(root, "node_modules", ".bin", "tsc");
  const { failed, all } = await execa(tsc, ["-p", "tsconfig.build.json"], {
    cwd: root,
    all: true,
    reject: false,
    stdin: "ignore",
  });
  if (failed) throw new Error(`tsc failed:\n${all}`);
  // tsc rewrites imports in JavaScript only; declarations would point at sources that are not packed.
  for await (const file of glob("**/*.d.ts", { cwd: dist })) {
    const declaration = path.join(dist, file);
    const text = await readFile(declaration, "utf8");
    await writeFile(declaration, text.replaceAll(/(["'])(\.\.?\/[^"']+)\.ts\1/g, "$1$2.js$1"));
  }
}

/** Puts the repository's files back, except those that have been restored or edited in the meantime. */
async function restore(): Promise<void> {
  const own = await read(kept).catch(() => undefined);
  if (!own) return;
  const [packed, now] = [published(own), await read(root)];
  for (const name of replaced) if (now[name] === packed[name]) await replace(name, own[name]);
  await rm(kept, { recursive: true, force: true });
  await rm(dist, { recursive: true, force: true });
}

async function replace(name: string, text: string): Promise<void> {
  const fresh = path.join(local, `${name}.new`);
  await writeFile(fresh, text);
  await rename(fresh, path.join(root, name));
}

/** Starts a process that restores after npm has ended, because npm skips `postpack` after a failure. */
async function startGuard(): Promise<void> {
  const packer = await packerPid();
  if (packer === undefined) return;
  const self = path.join(import.meta.dirname, path.basename(import.meta.filename));
  spawn(process.execPath, [self, "--guard", `${packer}`], {
    cwd: root,
    detached: true,
    stdio: "ignore",
  }).unref();
}

async function guard(packer: number): Promise<void> {
  while (isRunning(packer)) await sleep(200);
  await restore();
}

/** The pid of npm, above dev/bootstrap.mjs and npm's shell. Undefined where processes cannot be listed. */
async function packerPid(): Promise<number | undefined> {
  const all = await listProcesses().catch(() => []);
  const parentOf = (pid: number | undefined) => all.find((process) => process.pid === pid)?.parent;
  const above = parentOf(process.ppid);
  const shell = all.find(({ pid }) => pid === above)?.command ?? "";
  return /^\S*sh -c /.test(shell) ? parentOf(above) : above;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const [command, argument] = process.argv.slice(2);
try {
  if (command === "--restore") await restore();
  else if (command === "--guard") await guard(Number(argument));
  else await pack();
} catch (error) {
  failWith(error);
}
