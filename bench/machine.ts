// The machine and the versions behind the figures, asked at run time.
import { readFile } from "node:fs/promises";
import { arch, cpus, release, totalmem, type } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { server } from "../rig/keycloak/realm.ts";
import { root } from "../rig/machine/folders.ts";
import { engineVersion, keycloakPluginFolder, keycloakPluginVersion } from "../rig/pulumi/engine.ts";
import { configCliJar, java } from "./contestants/config-cli.ts";
import { memoryKind } from "./process-tree.ts";

/** Each part and its version, in reading order. */
export type Machine = Readonly<Record<string, string>>;

export async function machine(): Promise<Machine> {
  const built = await keycloakPluginFolder();
  const configCli = await configCliVersion();
  return {
    Cores: `${cpus().length}, ${cpus()[0]?.model.trim() ?? arch()}`,
    Memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    System: `${type()} ${release().split("-")[0]}, ${arch()}`,
    Keycloak: `${process.env.TEST_KEYCLOAK_VERSION}, in dev mode on its embedded database, Java ${await javaVersion()}, at ${server.basePath} on this machine`,
    Pulumi: `${engineVersion}, state in a file, secrets by passphrase`,
    Node: process.versions.node,
    "@pulumi/keycloak": built
      ? `SDK ${keycloakPluginVersion}, plugin ${await builtPluginVersion()} built here, since the official one could not be downloaded`
      : `${keycloakPluginVersion}, the official plugin`,
    ...(configCli && { "keycloak-config-cli": configCli }),
    "Memory is": memoryKind ? `${memoryKind}, summed over the process tree` : "not measured on this system",
  };
}

async function builtPluginVersion(): Promise<string> {
  const source = await readFile(path.join(root, "rig", "go", "keycloak-plugin", "main.go"), "utf8");
  return /const version = "([^"]+)"/.exec(source)?.[1] ?? "of unknown version";
}

/** keycloak-config-cli prints its version at the start; without files it does nothing else. */
async function configCliVersion(): Promise<string | undefined> {
  if (configCliJar === undefined) return undefined;
  const { stdout } = await execa(java, ["-jar", configCliJar], { reject: false, stdin: "ignore" });
  return /KeycloakConfigApplication v(\S+)/.exec(stdout)?.[1] ?? "of unknown version";
}

async function javaVersion(): Promise<string> {
  const { stderr } = await execa(java, ["-version"], { reject: false, stdin: "ignore" });
  return /version "([^"]+)"/.exec(stderr)?.[1] ?? "of unknown version";
}
