// What the figures were taken on, asked at run time.
import { arch, cpus, release, totalmem, type } from "node:os";
import { execa } from "execa";
import { engineVersion, keycloakPluginFolder, keycloakPluginVersion } from "../dev/engine.ts";
import { server } from "../test/support/keycloak.ts";
import { memoryKind } from "./process-tree.ts";

/** What and which, in the order to be read. */
export type Machine = Readonly<Record<string, string>>;

export async function machine(): Promise<Machine> {
  const built = await keycloakPluginFolder();
  return {
    Cores: `${cpus().length}, ${cpus()[0]?.model.trim() ?? arch()}`,
    Memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    System: `${type()} ${release().split("-")[0]}, ${arch()}`,
    Keycloak: `${process.env.TEST_KEYCLOAK_VERSION}, in dev mode on its embedded database, Java ${await javaVersion()}, at ${server.basePath} on this machine`,
    Pulumi: `${engineVersion}, state in a file, secrets by passphrase`,
    Node: process.versions.node,
    "@pulumi/keycloak": built
      ? `SDK ${keycloakPluginVersion}, plugin 6.0.0 built from the same sources (the official one could not be downloaded)`
      : `${keycloakPluginVersion}, the official plugin`,
    "Memory is": memoryKind ? `${memoryKind}, summed over the process tree` : "not measured on this system",
  };
}

async function javaVersion(): Promise<string> {
  const java = process.env.JAVA_HOME ? `${process.env.JAVA_HOME}/bin/java` : "java";
  const { stderr } = await execa(java, ["-version"], { reject: false, stdin: "ignore" });
  return /version "([^"]+)"/.exec(stderr)?.[1] ?? "of unknown version";
}
