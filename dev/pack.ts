// Runs around `npm pack` and `npm publish`, as `prepack` and `postpack`. It compiles JavaScript, declarations and source
// maps into dist/, and while npm packs, package.json points there. The repository itself runs its .ts files.

import { spawn } from "node:child_process";
import { glob, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { failWith } from "../rig/console/steps.ts";
import { local, root } from "../rig/machine/folders.ts";
import { listProcesses } from "../rig/machine/processes.ts";

const manifest = path.join(root, "package.json");
/** Keeps the repository's own package.json while the published one is in its place. */
const kept = path.join(local, "package.json");
const dist = path.join(root, "dist");

interface Manifest {
  readonly exports: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

async function pack(): Promise<void> {
  await restore();
  const text = await readFile(manifest, "utf8");
  await compile();
  await mkdir(local, { recursive: true, mode: 0o700 });
  await writeFile(kept, text);
  await startGuard();
  await replace(manifest, published(text));
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

/** The published package.json: with entry points in dist/, and without what matters only in the repository. */
function published(text: string): string {
  const {
    scripts: _scripts,
    workspaces: _workspaces,
    devDependencies: _devDependencies,
    ava: _ava,
    exports,
    ...rest
  }: Manifest = JSON.parse(text);
  const built = (source: string, extension: string) =>
    source.replace(/^\.\/components\//, "./dist/").replace(/\.ts$/, extension);
  const entryPoints = Object.entries(exports).map(([name, source]) => [
    name,
    source.endsWith(".ts") ? { types: built(source, ".d.ts"), default: built(source, ".js") } : source,
  ]);
  const main = exports["."] ?? "";
  const all = {
    ...rest,
    // For tools that do not read `exports`, such as TypeScript with `moduleResolution: node`.
    main: built(main, ".js"),
    types: built(main, ".d.ts"),
    exports: Object.fromEntries(entryPoints),
  };
  return `${JSON.stringify(all, undefined, 2)}\n`;
}

/** Puts the repository's package.json back, unless the file has been restored or edited in the meantime. */
async function restore(): Promise<void> {
  const text = await readFile(kept, "utf8").catch(() => undefined);
  if (text === undefined) return;
  if ((await readFile(manifest, "utf8")) === published(text)) await replace(manifest, text);
  await rm(kept, { force: true });
  await rm(dist, { recursive: true, force: true });
}

async function replace(file: string, text: string): Promise<void> {
  const fresh = path.join(local, `${path.basename(file)}.new`);
  await writeFile(fresh, text);
  await rename(fresh, file);
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
