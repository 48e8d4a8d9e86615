// The published package as users get it: packed from a copy of this repository, so that the original stays unchanged, and
// installed by npm, pnpm or Yarn in an unrelated folder.
import { cp, mkdtemp, readFile, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { root } from "../../rig/machine/folders.ts";

type Versions = Readonly<Record<string, string>>;
const manifest = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
/** The versions that package.json pins, so that tests and repository use the same. */
export const pinned: Versions = manifest.devDependencies;
export const peerDependencies: Versions = manifest.peerDependencies;

/** Package managers other than npm; npm fetches them. */
const managers = {
  pnpm: ["pnpm@12.21.0", "pnpm"],
  yarn: ["@yarnpkg/cli-dist@4.18.1", "yarn"],
  bun: ["bun@1.4.5", "bun"],
} as const;

export interface Packed {
  /** The copy of the repository that it was packed from. */
  readonly source: string;
  readonly tarball: string;
}

let once: Promise<Packed> | undefined;

/** Runs `npm pack`, once for all tests of a file. */
export function packed(): Promise<Packed> {
  once ??= pack();
  return once;
}

async function pack(): Promise<Packed> {
  const folder = await mkdtemp(path.join(tmpdir(), "keycloak-apisix-pack-"));
  const source = path.join(folder, "repository");
  await copyRepository(source);
  await npm(source, "pack", "--silent", "--pack-destination", folder);
  return { source, tarball: path.join(folder, `keycloak-apisix-${manifest.version}.tgz`) };
}

/** Copies this repository without generated files. The copy shares its dependencies. */
export async function copyRepository(folder: string): Promise<void> {
  const made = new Set(["node_modules", ".local", ".git", "dist"].map((name) => path.join(root, name)));
  await cp(root, folder, { recursive: true, filter: (file) => !made.has(file) });
  await symlink(path.join(root, "node_modules"), path.join(folder, "node_modules"));
}

/** Runs npm as a user would in that folder, whatever npm script runs these tests. */
export async function npm(folder: string, ...args: string[]): Promise<void> {
  await startNpm(folder, ...args);
}

export function startNpm(folder: string, ...args: string[]) {
  const running = execa("npm", args, { cwd: folder, env: npmEnvironment(), ...quiet });
  // A caller that does not wait for it does not need its failure.
  running.catch(() => {});
  return running;
}

export async function pnpm(folder: string, ...args: string[]): Promise<void> {
  await manager("pnpm", folder, args);
}

export async function yarn(folder: string, ...args: string[]): Promise<void> {
  await manager("yarn", folder, args);
}

export async function bun(folder: string, ...args: string[]): Promise<void> {
  await manager("bun", folder, args);
}

/** Installs Bun into a folder. @returns where its command is */
export async function installBun(folder: string): Promise<string> {
  await npm(folder, "install", "--no-save", "--prefix", folder, managers.bun[0]);
  return path.join(folder, "node_modules", ".bin");
}

async function manager(name: keyof typeof managers, folder: string, args: string[]): Promise<void> {
  const [version, command] = managers[name];
  const env = npmEnvironment();
  const { stdout: registry } = await execa("npm", ["config", "get", "registry"], {
    cwd: folder,
    env,
    ...quiet,
  });
  await execa("npm", ["exec", "--yes", `--package=${version}`, "--", command, ...args], {
    cwd: folder,
    env: {
      ...env,
      npm_config_registry: registry,
      YARN_NPM_REGISTRY_SERVER: registry,
      // With CI set, Yarn and pnpm refuse to write a lockfile.
      CI: undefined,
    },
    ...quiet,
  });
}

const quiet = { extendEnv: false, stdin: "ignore", all: true } as const;

function npmEnvironment(): Record<string, string | undefined> {
  const ofThisRun = /^npm_(package|lifecycle|command|config_(local_prefix|silent|loglevel|workspace))/;
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofThisRun.test(name))),
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_prefer_offline: "true",
  };
}

/** The package.json of a program that depends on the package. */
export function programManifest(tarball: string, fields: object = {}, dependencies: object = {}): string {
  return JSON.stringify({
    name: "program",
    private: true,
    ...fields,
    dependencies: {
      "@pulumi/pulumi": pinned["@pulumi/pulumi"],
      "keycloak-apisix": `file:${tarball}`,
      ...dependencies,
    },
  });
}

/** Further dependencies of a TypeScript program. */
export const forTypeScript = {
  "@types/node": pinned["@types/node"],
  typescript: pinned.typescript,
};

/** Early releases of @pulumi/pulumi take no later TypeScript, and a later one refuses `moduleResolution: node`. */
export const forTypeScript5 = { ...forTypeScript, typescript: "~5.9.3" };
