// npm, and this repository as a package from npm.
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { copyClone } from "../machine/clone.ts";

export interface Packed {
  /** The copy of the repository that it was packed from, so that the original stays unchanged. */
  readonly source: string;
  readonly tarball: string;
}

let once: Promise<Packed> | undefined;

/** Runs `npm pack`, once a process. */
export function packed(): Promise<Packed> {
  once ??= pack();
  return once;
}

async function pack(): Promise<Packed> {
  const folder = await mkdtemp(path.join(tmpdir(), "keycloak-apisix-pack-"));
  const source = path.join(folder, "repository");
  await copyClone(source);
  const { version } = JSON.parse(await readFile(path.join(source, "package.json"), "utf8"));
  await npm(source, "pack", "--silent", "--pack-destination", folder);
  return { source, tarball: path.join(folder, `keycloak-apisix-${version}.tgz`) };
}

/** Runs npm as a user would in that folder, whatever npm script this process belongs to. */
export async function npm(folder: string, ...args: string[]): Promise<void> {
  await startNpm(folder, ...args);
}

export function startNpm(folder: string, ...args: string[]) {
  const running = execa("npm", args, { cwd: folder, env: npmEnvironment(), ...quiet });
  // A caller that does not wait for it does not need its failure.
  running.catch(() => {});
  return running;
}

export const quiet = { extendEnv: false, stdin: "ignore", all: true } as const;

export function npmEnvironment(): Record<string, string | undefined> {
  const ofThisRun = /^npm_(package|lifecycle|command|config_(local_prefix|silent|loglevel|workspace))/;
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofThisRun.test(name))),
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_prefer_offline: "true",
  };
}
