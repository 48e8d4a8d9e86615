// `npm run setup`: from an administrator's password to a production stack. It makes the accounts and the stack, and shows the
// plan; the realm itself is changed by `up` only. Safe to run again; `--undo` takes back what it made.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { accountVariables, readConnection, serverVariables } from "../components/keycloak/connection.ts";
import { Realm } from "../components/keycloak/realm.ts";
import { KeycloakSession } from "../components/keycloak/session.ts";
import { failWith } from "../rig/console/steps.ts";
import { ensureEngine, ensureKeycloakPlugin } from "../rig/pulumi/engine.ts";
import { runPulumi } from "../rig/pulumi/run.ts";
import { Accounts, reader, writer } from "./setup/accounts.ts";
import { readArguments, type SetupArguments } from "./setup/arguments.ts";
import { ask, hasTerminal } from "./setup/ask.ts";
import {
  accountFile,
  accountToMake,
  accountToTakeBack,
  stackToMake,
  stackToTakeBack,
  type ToMake,
  type ToTakeBack,
} from "./setup/items.ts";
import { newRecord, readRecord, removeRecord, writeRecord } from "./setup/record.ts";

try {
  process.exitCode = await main(readArguments(process.argv.slice(2)));
} catch (error) {
  failWith(error);
}

async function main(given: SetupArguments): Promise<number> {
  const { stack, realm: name, dryRun, undo } = given;
  const settings = await settingsOf(given);
  const recorded = await readRecord(stack);
  // Before any other program starts: neither the administrator nor another account nor the password is for the CLI.
  const environment = takeEnvironment();
  const told = (variable: string, question: string, how?: { hidden: boolean }) =>
    answer(variable, environment[variable], question, how);
  await ensureEngine((line) => console.error(line));
  await ensureKeycloakPlugin((line) => console.error(line));
  const session = new KeycloakSession(
    readConnection("keycloak", (key) => (key === "keycloak:realm" ? undefined : settings[key]), {
      KEYCLOAK_REALM: environment.KEYCLOAK_REALM,
      KEYCLOAK_USER: await told("KEYCLOAK_USER", "Administrator of Keycloak: "),
      KEYCLOAK_PASSWORD: await told("KEYCLOAK_PASSWORD", "Password: ", { hidden: true }),
    }),
    async (text) => console.error(`warning: ${text}`),
  );
  const realm = new Realm(session, name);
  const record = recorded ?? newRecord();
  const accounts = new Accounts(realm, stack, record.id);
  try {
    // So that a wrong name is told first.
    await realm.settings();
    const password = () =>
      told(
        "KEYCLOAK_PASSWORD_CUSTOMER",
        "Password of user customer, which up sets and CX's Core chart needs as well: ",
        { hidden: true },
      );
    const watcher = reader(await session.release());
    console.log(`Realm ${name} at ${session.server}`);
    if (undo) {
      // The stack first: what it still manages could not be destroyed without the account.
      await takeBack(await stackToTakeBack(stack, settings, recorded), dryRun);
      for (const account of [watcher, writer])
        await takeBack(await accountToTakeBack(accounts, stack, account), dryRun);
      if (!dryRun) await removeRecord(stack);
      return 0;
    }
    const items = [
      await accountToMake(accounts, stack, writer),
      ...(given.reader ? [await accountToMake(accounts, stack, watcher)] : []),
      await stackToMake(stack, settings, record, dryRun ? undefined : password),
    ];
    if (!dryRun && !recorded) await writeRecord(stack, record);
    for (const item of items) await make(item, dryRun);
    if (dryRun) return 0;
    const secret = await accounts.secret(writer);
    Object.assign(process.env, { KEYCLOAK_CLIENT_ID: writer.clientId, KEYCLOAK_CLIENT_SECRET: secret });
  } finally {
    await session.logOut();
  }
  const { exitCode } = await runPulumi(["preview", "--diff", "--suppress-outputs", "--stack", stack], {});
  if (exitCode === 0) console.log(next(given));
  else
    console.error("\nAll of it is made, but up could not do its work yet: see above, then run this again.");
  return exitCode;
}

/** The stack's settings, by their full keys. */
async function settingsOf({ keycloak, realm, ca }: SetupArguments): Promise<Record<string, string>> {
  const basePath = keycloak.pathname.replace(/\/+$/, "");
  // npm runs scripts in the clone.
  const file = ca && path.resolve(process.env.INIT_CWD ?? "", ca);
  return {
    "keycloak:url": keycloak.origin,
    ...(basePath && { "keycloak:basePath": basePath }),
    "keycloak:realm": realm,
    ...(file && { "keycloak:rootCaCertificate": await certificate(file) }),
    "keycloak-apisix:realm": realm,
  };
}

async function certificate(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new Error(`--ca: ${file} cannot be read, or holds no certificate in PEM.`);
}

/** What the environment says of the administrator, of another account, and of the customer. */
function takeEnvironment(): Readonly<Record<string, string | undefined>> {
  const names = [...serverVariables, ...accountVariables, "KEYCLOAK_PASSWORD_CUSTOMER"];
  return Object.fromEntries(names.map((name) => [name, take(name)]));
}

/** Takes a variable away, so that no program started from here sees it. */
function take(variable: string): string | undefined {
  const value = process.env[variable];
  delete process.env[variable];
  return value;
}

/** What the environment says, or the operator. */
async function answer(
  variable: string,
  given: string | undefined,
  question: string,
  how?: { hidden: boolean },
): Promise<string> {
  const value = given || (hasTerminal() ? await ask(question, how) : "");
  if (value) return value;
  throw new Error(
    `${variable} is not set: set it, or run this in a terminal and answer '${question.trim()}'`,
  );
}

async function make(item: ToMake, dryRun: boolean): Promise<void> {
  if (item.state === "there") return console.log(`  is there       ${item.name}`);
  const what = item.state === "missing" ? "create" : "complete";
  if (dryRun) return console.log(`  would ${what.padEnd(8)} ${item.name}`);
  await item.make();
  console.log(`  ${`${what}d`.padEnd(14)} ${item.name}`);
}

async function takeBack({ name, state, remove }: ToTakeBack, dryRun: boolean): Promise<void> {
  if (state === "there" && dryRun) return console.log(`  would remove   ${name}`);
  // Also of what is gone something may be left.
  if (!dryRun) await remove();
  if (state === "there") return console.log(`  removed        ${name}`);
  console.log(
    state === "missing" ? `  is not there   ${name}` : `  stays          ${name}: not made from this clone`,
  );
}

function next({ stack, keycloak, realm, ...given }: SetupArguments): string {
  const word = (text: string) => (/^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const ca = given.ca ? ` --ca ${word(given.ca)}` : "";
  const own = (variables: RegExp, file: string) =>
    Object.keys(process.env).some((name) => variables.test(name))
      ? "where your environment says"
      : `.local/${file}`;
  return `
Commit Pulumi.${stack}.yaml. What else the stack needs, and no other clone has: the files with the accounts' secrets; the
state (${own(/^PULUMI_(BACKEND_URL|ACCESS_TOKEN)$/, "state")}); the passphrase (${own(/^PULUMI_CONFIG_PASSPHRASE/, "passphrase")}).

Next
  . ${accountFile(stack, writer)} && npm run pulumi -- up --diff --stack ${stack}
  npm run cx-values -- --stack ${stack} --apisix kubernetes/helm-values/apisix-custom-values.yaml
${
  given.reader
    ? `
Every night (docs/drift.md)
  (. ${accountFile(stack, reader(undefined))} && npm run drift -- --stack ${stack})
`
    : ""
}
To take all of it back, after a destroy if there was an up
  npm run setup -- ${stack} --keycloak ${keycloak} --realm ${word(realm)}${ca} --undo`;
}
