// The package as it comes from npm.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { copyClone } from "../rig/machine/clone.ts";
import { engineVersion } from "../rig/pulumi/engine.ts";

/** Packs this repository as `npm publish` does. @returns the tarball in `folder` */
export async function packed(folder: string): Promise<string> {
  // Packing changes package.json for a moment.
  const clone = path.join(folder, "packed");
  await copyClone(clone);
  const { version } = JSON.parse(await readFile(path.join(clone, "package.json"), "utf8"));
  await execa("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: clone });
  return path.join(folder, `keycloak-apisix-${version}.tgz`);
}

/** What `npm install keycloak-apisix` adds to a program that has @pulumi/pulumi. */
export async function installed(folder: string) {
  const program = path.join(folder, "program");
  await mkdir(program);
  await writeFile(path.join(program, "package.json"), "{}\n");
  const install = async (what: string) => {
    const { stdout } = await execa("npm", ["install", "--no-audit", "--no-fund", what], { cwd: program });
    const { stdout: size } = await execa("du", ["-sm", "node_modules"], { cwd: program });
    return { packages: /added (\d+)/.exec(stdout)?.[1], megabytes: Number.parseInt(size, 10) };
  };
  const sdk = await install(`@pulumi/pulumi@${engineVersion}`);
  const all = await install(await packed(folder));
  const text = (packages = "", megabytes = 0) => `${packages} packages, ${megabytes} MB`;
  return {
    sdk: text(sdk.packages, sdk.megabytes),
    package: text(all.packages, all.megabytes - sdk.megabytes),
  };
}
