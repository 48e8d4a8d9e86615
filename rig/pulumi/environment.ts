// The local environment points the Pulumi CLI at this clone's own state, passphrase and Keycloak, unless the caller has set
// other ones. The neutral environment is for commands that must not touch anything of the caller's.

import { mkdir } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { namesAccount } from "../../components/keycloak/connection.ts";
import { adminPassword, adminUser, basePath, localFolder, localKeycloakUrl } from "../keycloak/local.ts";
import { compileCache, local, root, secretFile } from "../machine/folders.ts";
import { engineBin, keycloakPluginFolder, pulumi } from "./engine.ts";

type Environment = Record<string, string | undefined>;

/** The caller's environment, completed for this clone and for the command with these arguments. */
export async function localEnvironment(args: string[]): Promise<Environment> {
  const given = process.env;
  const state = path.join(localFolder(), "state");
  await mkdir(state, { recursive: true, mode: 0o700 });
  const { cwd = "", configFile } = whereabouts(args);
  const environment = {
    // Keeps `encryptionsalt` out of the tracked Pulumi.dev.yaml: see run.ts.
    PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NODE_COMPILE_CACHE: compileCache,
    ...(!given.PULUMI_ACCESS_TOKEN && { PULUMI_BACKEND_URL: `file://${state}` }),
    ...(given.PULUMI_CONFIG_PASSPHRASE === undefined && {
      PULUMI_CONFIG_PASSPHRASE_FILE: await secretFile(path.join(local, "passphrase")),
    }),
    ...given,
    // The program looks into that file, too.
    ...(configFile && { PULUMI_OPTION_CONFIG_FILE: path.resolve(root, cwd, configFile) }),
    PATH: await toolPath(),
  };
  // Whoever names another server also names its credentials: the local base path and admin are not for it.
  const namesOther = Boolean(given.KEYCLOAK_URL || given.KEYCLOAK_ADMIN_URL);
  const needsNone = namesOther || withoutProvider.includes(args[0] ?? "");
  const config = needsNone ? undefined : await configOnLocal(args, environment);
  if (!config) return environment;
  const server = { KEYCLOAK_URL: await localKeycloakUrl(), KEYCLOAK_BASE_PATH: basePath };
  // Nor does a command that was given an account use another one.
  if (namesAccount((key) => config[key] && (config[key].value ?? "encrypted"), given)) {
    return { ...server, ...environment };
  }
  return {
    ...server,
    KEYCLOAK_CLIENT_ID: "admin-cli",
    KEYCLOAK_USER: adminUser,
    KEYCLOAK_PASSWORD: await adminPassword(),
    ...environment,
  };
}

/** Commands that run no provider, and so talk to no Keycloak. */
const withoutProvider = ["config", "stack"];

/** As the CLI prints it: an encrypted setting has no value. */
type Config = Record<string, { value?: string }>;

/**
 * The stack's configuration, if the command talks to no Keycloak but the local one. Both the configuration and, for
 * `destroy` and `refresh`, the connection recorded in the state may name another. The CLI is asked, because it knows which
 * stack is selected and where its configuration is. If it cannot say, there is none.
 */
async function configOnLocal(args: string[], env: Environment): Promise<Config | undefined> {
  if (args.some((arg) => /keycloak:(url|adminUrl)/.test(arg))) return undefined;
  const { cwd, stack } = whereabouts(args);
  const ask = async <Answer>(...command: string[]): Promise<Answer | undefined> => {
    const where = [...(cwd ? ["--cwd", cwd] : []), ...(stack ? ["--stack", stack] : [])];
    const { failed, stdout } = await execa(pulumi, [...command, ...where, "--non-interactive"], {
      cwd: root,
      env,
      extendEnv: false,
      stdin: "ignore",
      reject: false,
    });
    return failed ? undefined : JSON.parse(stdout);
  };
  const [config, state] = await Promise.all([
    ask<Config>("config", "--json"),
    ask<{ deployment: { resources?: { type: string; inputs?: Record<string, unknown> }[] } }>(
      "stack",
      "export",
    ),
  ]);
  if (!config || !state) return undefined;
  const named = [
    // Encrypted, it has no value here.
    ...["keycloak:url", "keycloak:adminUrl"].map((key) => config[key] && (config[key].value ?? "encrypted")),
    ...(state.deployment.resources ?? [])
      .filter(({ type }) => type.startsWith("pulumi:providers:"))
      .flatMap(({ inputs = {} }) => [
        inputs["keycloak:url"],
        inputs["keycloak:adminUrl"],
        inputs.url,
        inputs.adminUrl,
      ]),
  ];
  const here = await localKeycloakUrl();
  return named.every((url) => !url || url === here) ? config : undefined;
}

/** Which stack's configuration and state the arguments name. */
function whereabouts(args: string[]): { cwd?: string; configFile?: string; stack?: string } {
  const options = {
    cwd: { type: "string", short: "C" },
    "config-file": { type: "string" },
    stack: { type: "string", short: "s" },
  } as const;
  const { cwd, stack, "config-file": configFile } = parseArgs({ args, options, strict: false }).values;
  // The CLI also takes `-s=NAME`.
  const text = (value: unknown) => (typeof value === "string" ? value.replace(/^=/, "") : undefined);
  return { cwd: text(cwd), configFile: text(configFile), stack: text(stack) };
}

/** The caller's environment without the caller's Keycloak, stacks and state. PULUMI_HOME stays: it has the plugins. */
export function neutralEnvironment(): Environment {
  const inherited = Object.entries(process.env).filter(
    ([name]) => name === "PULUMI_HOME" || !/^(PULUMI|KEYCLOAK|TEST_KEYCLOAK|KC)_/.test(name),
  );
  return Object.fromEntries(inherited);
}

/** PATH that starts with the pinned Node, the pinned Pulumi CLI and, if it was built here, the keycloak plugin. */
export async function toolPath(): Promise<string> {
  const folders = [path.join(root, "node_modules", ".bin"), engineBin, await keycloakPluginFolder()];
  const inherited = (process.env.PATH ?? "").split(path.delimiter);
  return [...new Set([...folders, ...inherited])].filter(Boolean).join(path.delimiter);
}
