// The published package as users get it: installed by npm, pnpm, Yarn or Bun in an unrelated folder.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { root } from "../../rig/machine/folders.ts";
import { npm, npmEnvironment, quiet } from "../../rig/packages/npm.ts";

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
