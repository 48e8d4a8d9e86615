// What `npm install keycloak-apisix` adds to a program that has @pulumi/pulumi.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { packed } from "../rig/packages/npm.ts";
import { engineVersion } from "../rig/pulumi/engine.ts";

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
  const all = await install((await packed()).tarball);
  const text = (packages = "", megabytes = 0) => `${packages} packages, ${megabytes} MB`;
  return {
    sdk: text(sdk.packages, sdk.megabytes),
    package: text(all.packages, all.megabytes - sdk.megabytes),
  };
}
