// The local environment points the Pulumi CLI at this clone's own state, passphrase and Keycloak, unless the caller has set
// other ones. The neutral environment is for commands that must not touch anything of the caller's.

import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { adminPassword, adminUser, basePath, localFolder, localKeycloakUrl } from "../keycloak/local.ts";
import { compileCache, local, root, secretFile } from "../machine/folders.ts";
import { engineBin, keycloakPluginFolder } from "./engine.ts";

type Environment = Record<string, string | undefined>;

/**
 * The caller's environment, completed for this clone.
 * @param stack the stack that the command names, if any
 */
export async function localEnvironment(stack?: string): Promise<Environment> {
  const given = process.env;
  const state = path.join(localFolder(), "state");
  await mkdir(state, { recursive: true, mode: 0o700 });
  return {
    // Keeps `encryptionsalt` out of the tracked Pulumi.dev.yaml: see run.ts.
    PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NODE_COMPILE_CACHE: compileCache,
    ...(!given.PULUMI_ACCESS_TOKEN && { PULUMI_BACKEND_URL: `file://${state}` }),
    ...(given.PULUMI_CONFIG_PASSPHRASE === undefined && {
      PULUMI_CONFIG_PASSPHRASE_FILE: await secretFile(path.join(local, "passphrase")),
    }),
    // Whoever names another server also names its credentials: the local base path and admin are not for it.
    ...(!given.KEYCLOAK_URL &&
      !(await namesKeycloak(stack)) && {
        KEYCLOAK_URL: await localKeycloakUrl(),
        KEYCLOAK_BASE_PATH: basePath,
        KEYCLOAK_CLIENT_ID: "admin-cli",
        KEYCLOAK_USER: adminUser,
        KEYCLOAK_PASSWORD: await adminPassword(),
      }),
    ...given,
    PATH: await toolPath(),
  };
}

/** The caller's environment without the caller's Keycloak, stacks and state. PULUMI_HOME stays: it has the plugins. */
export function neutralEnvironment(): Environment {
  const inherited = Object.entries(process.env).filter(
    ([name]) => name === "PULUMI_HOME" || !/^(PULUMI|KEYCLOAK|TEST_KEYCLOAK|KC)_/.test(name),
  );
  return Object.fromEntries(inherited);
}

/** Does the stack's configuration name its own Keycloak? */
async function namesKeycloak(stack: string | undefined): Promise<boolean> {
  if (stack === undefined) return false;
  // In a shared backend the name may include organization and project.
  const file = path.join(root, `Pulumi.${stack.split("/").at(-1)}.yaml`);
  return /^\s+["']?keycloak:url["']?:/m.test(await readFile(file, "utf8").catch(() => ""));
}

/** PATH that starts with the pinned Node, the pinned Pulumi CLI and, if it was built here, the keycloak plugin. */
export async function toolPath(): Promise<string> {
  const folders = [path.join(root, "node_modules", ".bin"), engineBin, await keycloakPluginFolder()];
  const inherited = (process.env.PATH ?? "").split(path.delimiter);
  return [...new Set([...folders, ...inherited])].filter(Boolean).join(path.delimiter);
}
