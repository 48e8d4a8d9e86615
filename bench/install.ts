// What `npm install keycloak-apisix` adds to a program that has @pulumi/pulumi.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { copyClone } from "../rig/machine/clone.ts";

export async function installed(folder: string) {
  const [clone, program] = [path.join(folder, "packed"), path.join(folder, "program")];
  // Packing changes package.json for a moment.
  await copyClone(clone);
  const { version, devDependencies } = JSON.parse(await readFile(path.join(clone, "package.json"), "utf8"));
  await execa("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: clone });
  await mkdir(program);
  await writeFile(path.join(program, "package.json"), "{}\n");
  const install = async (what: string) => {
    const { stdout } = await execa("npm", ["install", "--no-audit", "--no-fund", what], { cwd: program });
    const { stdout: size } = await execa("du", ["-sm", "node_modules"], { cwd: program });
    return { packages: /added (\d+)/.exec(stdout)?.[1], megabytes: Number.parseInt(size, 10) };
  };
  const sdk = await install(`@pulumi/pulumi@${devDependencies["@pulumi/pulumi"]}`);
  const all = await install(path.join(folder, `keycloak-apisix-${version}.tgz`));
  const text = (packages = "", megabytes = 0) => `${packages} packages, ${megabytes} MB`;
  return {
    sdk: text(sdk.packages, sdk.megabytes),
    package: text(all.packages, all.megabytes - sdk.megabytes),
  };
}
