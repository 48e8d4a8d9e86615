// What `npm run setup` makes and takes back, one item after the other: each says what it is, and whether it is there.

import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { parse } from "yaml";
import { accountVariables } from "../../components/keycloak/connection.ts";
import { exists, root, writePrivately } from "../../rig/machine/folders.ts";
import { runPulumi } from "../../rig/pulumi/run.ts";
import { type Account, type Accounts, writer } from "./accounts.ts";
import { accountsFolder, type SetupRecord, writeRecord } from "./record.ts";

export interface ToMake {
  readonly name: string;
  readonly state: "there" | "incomplete" | "missing";
  make(): Promise<void>;
}

export interface ToTakeBack {
  readonly name: string;
  readonly state: "there" | "missing" | "of others";
  /** What is of others stays. */
  remove(): Promise<void>;
}

/** Runs the CLI without a terminal. @throws Error with what it says if it fails */
async function pulumi(attempt: string, args: string[], input?: string): Promise<string> {
  const options = { onLine: () => {}, ...(input !== undefined && { input }) };
  const { exitCode, stdout, stderr } = await runPulumi([...args, "--non-interactive"], options);
  if (exitCode === 0) return stdout;
  throw new Error(`${attempt} failed: ${stderr.trim().replace(/^error: /, "")}`);
}

/** The file from which a shell takes an account, relative to this clone. */
export const accountFile = (stack: string, { clientId }: Account) =>
  path.relative(root, path.join(accountsFolder(stack), `${clientId}.env`));

/** A service account in Keycloak, and the file with its secret. */
export async function accountToMake(accounts: Accounts, stack: string, account: Account): Promise<ToMake> {
  const { clientId, roles } = account;
  const file = accountFile(stack, account);
  const absolute = path.join(root, file);
  const text = async () => `# Whoever reads this file has the account. For sh, bash and zsh: . ${file}
unset ${accountVariables.join(" ")}
export KEYCLOAK_CLIENT_ID='${clientId}'
export KEYCLOAK_CLIENT_SECRET='${(await accounts.secret(account)).replaceAll("'", "'\\''")}'
`;
  const client = await accounts.find(account);
  const isComplete =
    client &&
    (await accounts.missingRoles(account, client)).length === 0 &&
    (await readFile(absolute, "utf8").catch(() => "")) === (await text());
  return {
    name: `client ${clientId} with the roles ${roles.join(", ")}, and its secret in ${file}`,
    state: isComplete ? "there" : client ? "incomplete" : "missing",
    async make() {
      await accounts.make(account);
      await writePrivately(absolute, await text());
    },
  };
}

export async function accountToTakeBack(
  accounts: Accounts,
  stack: string,
  account: Account,
): Promise<ToTakeBack> {
  const state = await accounts.stateOf(account);
  const file = accountFile(stack, account);
  return {
    name: `client ${account.clientId}, and its secret in ${file}`,
    state,
    async remove() {
      if (state === "of others") return;
      await accounts.remove(account);
      await rm(path.join(root, file), { force: true });
    },
  };
}

/** What a stack's file sets; not what the CLI shows, which are the project's defaults as well. */
async function settingsIn(file: string): Promise<Record<string, unknown>> {
  const { config } = parse(await readFile(file, "utf8").catch(() => "")) ?? {};
  return config ?? {};
}

const passwordKey = "keycloak-apisix:customerPassword";

/**
 * The stack and its file.
 * @param password asks for it, and is called if it is needed; undefined if nothing is to be made
 * @throws Error if a stack of this name is there that is about something else
 */
export async function stackToMake(
  stack: string,
  settings: Readonly<Record<string, string>>,
  record: SetupRecord,
  password: (() => Promise<string>) | undefined,
): Promise<ToMake> {
  const { file, absolute } = stackFile(stack);
  const here = ["--stack", stack];
  const isThere = (await findStack(stack)) !== undefined;
  if (!isThere && (await exists(absolute))) {
    throw new Error(
      `${file} is there, but its stack is not in this state backend: set PULUMI_BACKEND_URL to the right one, or move the file away.`,
    );
  }
  const config = await settingsIn(absolute);
  const other = Object.entries(settings).find(([key, value]) => (config[key] ?? value) !== value);
  if (other) {
    const [key, value] = other;
    throw new Error(
      `Stack ${stack} is there already, and its ${key} is not ${value}: choose another name for the new stack, or change the setting in ${file} yourself.`,
    );
  }
  const missing = Object.entries(settings).filter(([key]) => config[key] === undefined);
  const isComplete = missing.length === 0 && config[passwordKey] !== undefined;
  const value = config[passwordKey] ? undefined : await password?.();
  return {
    name: `stack ${stack}, with its settings in ${file}`,
    state: !isThere ? "missing" : isComplete ? "there" : "incomplete",
    async make() {
      if (!isThere) {
        // Not selected: no command without --stack is about production from now on.
        await pulumi(`Creating stack ${stack}`, ["stack", "init", "--no-select", stack]);
        await writeRecord(stack, { ...record, madeStack: true });
      }
      const attempt = `Writing ${file}`;
      const pairs = missing.flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]);
      if (pairs.length > 0) await pulumi(attempt, ["config", "set-all", ...pairs, ...here]);
      // Not as an argument, which other users of this machine could see.
      if (value) await pulumi(attempt, ["config", "set", "--secret", passwordKey, ...here], value);
    },
  };
}

export async function stackToTakeBack(
  stack: string,
  settings: Readonly<Record<string, string>>,
  record: SetupRecord | undefined,
): Promise<ToTakeBack> {
  const { file, absolute } = stackFile(stack);
  const found = await findStack(stack);
  return {
    name: `stack ${stack}, with its settings in ${file}`,
    state: !found ? "missing" : record?.madeStack ? "there" : "of others",
    /** If somebody else has set more, the file stays. */
    async remove() {
      if (record && found?.resourceCount) {
        throw new Error(
          `Stack ${stack} still manages objects in the realm, so nothing is taken back yet. First run:\n  . ${accountFile(stack, writer)} && npm run pulumi -- destroy --stack ${stack}`,
        );
      }
      if (!found || !record?.madeStack) return;
      const config = await settingsIn(absolute);
      const isOurs = Object.keys(config).every((key) => key in settings || key === passwordKey);
      const keep = isOurs ? [] : ["--preserve-config"];
      await pulumi(`Removing stack ${stack}`, ["stack", "rm", stack, "--yes", ...keep]);
      if (!isOurs) console.error(`${file} stays, because it holds more than 'npm run setup' wrote.`);
    },
  };
}

function stackFile(stack: string): { readonly file: string; readonly absolute: string } {
  const file = `Pulumi.${stack}.yaml`;
  return { file, absolute: path.join(root, file) };
}

async function findStack(stack: string): Promise<{ readonly resourceCount?: number } | undefined> {
  const all: { name: string; resourceCount?: number }[] = JSON.parse(
    await pulumi("Listing the stacks", ["stack", "ls", "--json"]),
  );
  return all.find(({ name }) => name === stack);
}
