// `npm run docs`: writes the generated files in docs/. docs/api.md comes from the doc comments. The pictures show what our
// commands print, run in a copy of this clone with a Keycloak of its own.
//   --api    only docs/api.md
//   --check  changes nothing, and fails if docs/api.md does not agree with the doc comments

import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { execa } from "execa";
import getPort from "get-port";
import { failWith, runSteps } from "../rig/console/steps.ts";
import { changeMapper, changeUser, doByHand } from "../rig/keycloak/by-hand.ts";
import { TestRealm } from "../rig/keycloak/realm.ts";
import { copyClone } from "../rig/machine/clone.ts";
import { root } from "../rig/machine/folders.ts";
import { neutralEnvironment } from "../rig/pulumi/environment.ts";
import { apiFile, apiReference } from "./docs/api-reference.ts";
import { terminalSvg } from "./docs/terminal-svg.ts";

const customersPassword = "Of the customer, 1!";

const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => abort.abort(new Error("Stopped.")));

try {
  const { values } = parseArgs({ options: { api: { type: "boolean" }, check: { type: "boolean" } } });
  if (values.check) await check();
  else await make(values.api === true);
} catch (error) {
  failWith(error);
  if (abort.signal.aborted) process.exitCode = 130;
}

async function check(): Promise<void> {
  const is = await readFile(apiFile, "utf8").catch(() => "");
  if (is !== (await apiReference())) {
    throw new Error("docs/api.md does not agree with the doc comments: run 'npm run docs -- --api'.");
  }
  console.log("docs/api.md agrees with the doc comments.");
}

async function make(onlyApi: boolean): Promise<void> {
  await mkdir(path.dirname(apiFile), { recursive: true });
  await runSteps([
    {
      title: "docs/api.md",
      task: async () => {
        await writeFile(apiFile, await apiReference());
      },
    },
    { title: "Pictures", task: (_, task) => pictures((line) => (task.output = line)), skip: () => onlyApi },
  ]);
}

async function pictures(report: (line: string) => void): Promise<void> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), "keycloak-apisix-docs-")));
  try {
    await copyClone(folder);
    const port = await getPort();
    const env = environment(port);
    const run = async (command: string, ...args: string[]) => {
      report(`${command} ${args[0] ?? ""}`);
      const result = await execa(
        process.execPath,
        ["dev/bootstrap.mjs", command === "drift" ? "drift/drift.ts" : `dev/${command}.ts`, ...args],
        {
          cwd: folder,
          env,
          extendEnv: false,
          stdin: "ignore",
          all: true,
          reject: false,
          cancelSignal: abort.signal,
          forceKillAfterDelay: false,
        },
      );
      abort.signal.throwIfAborted();
      return { exitCode: result.exitCode, text: result.all };
    };
    try {
      await scenes(port, folder, run);
    } finally {
      await execa(process.execPath, ["dev/bootstrap.mjs", "dev/stop.ts"], {
        cwd: folder,
        env,
        extendEnv: false,
      });
    }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

type Run = (command: string, ...args: string[]) => Promise<{ exitCode: number | undefined; text: string }>;

async function scenes(port: number, folder: string, run: Run): Promise<void> {
  const secrets: string[] = [];
  const picture = async (name: string, title: string, command: string, text: string) => {
    const svg = terminalSvg(title, `\u001b[1m$ ${command}\u001b[0m\n${masked(text, port).trim()}`);
    refuseNoise(svg, [folder, ...secrets]);
    await writeFile(path.join(root, "docs", `${name}.svg`), svg);
  };
  const expect = async (code: number, ...args: Parameters<Run>) => {
    const { exitCode, text } = await run(...args);
    if (exitCode !== code)
      throw new Error(`${args[0]} ${args[1] ?? ""} ended with ${exitCode}, not ${code}:\n${text}`);
    return text;
  };

  const started = await expect(0, "start");
  const password = (await readFile(path.join(folder, ".local/keycloak/admin-password"), "utf8")).trim();
  const passphrase = (await readFile(path.join(folder, ".local/passphrase"), "utf8")).trim();
  secrets.push(password, passphrase);
  await picture("start", "npm start: from nothing to a verified token", "npm start", lastOf(started));

  // A realm where somebody followed the guide by hand, nearly to the end.
  process.env.TEST_KEYCLOAK_URL = `http://localhost:${port}`;
  process.env.TEST_KEYCLOAK_PASSWORD = password;
  const realm = await TestRealm.create({}, {}, "tenant-1");
  secrets.push((await realm.client()).secret);
  await doByHand(realm, customersPassword);
  secrets.push(customersPassword);
  await changeMapper(realm, { "id.token.claim": "false" });
  await changeUser(realm, { emailVerified: false, email: "" });
  await realm.admin("DELETE", "/roles/customer");
  const stack = ["--stack", "production"];
  await expect(0, "pulumi", "stack", "init", "production");
  await expect(0, "pulumi", "config", "set", "realm", realm.name, ...stack);
  await expect(0, "pulumi", "config", "set", "--secret", "customerPassword", customersPassword, ...stack);
  const preview = ["preview", "--diff", ...stack];
  const plan = await expect(0, "pulumi", ...preview, "--color", "always", "--suppress-outputs");
  await picture(
    "adopt",
    "A preview on a realm that was configured by hand: what is adopted, corrected and created",
    `npm run pulumi -- ${preview.join(" ")}`,
    planOf(plan),
  );

  await expect(0, "pulumi", "up", "--yes", "--skip-preview", ...stack);
  await changeMapper(realm, { "access.token.claim": "false" });
  await changeUser(realm, { enabled: false });
  await expect(0, "pulumi", "config", "set", "cxVersion", "4.9.4", ...stack);
  await picture(
    "drift",
    "npm run drift: one stack is clean; in the other, somebody has changed the realm and a setting is not applied yet",
    "npm run drift",
    await expect(2, "drift"),
  );
}

/** The pictures must not depend on the caller's terminal, either. */
function environment(port: number): Record<string, string | undefined> {
  const { NO_COLOR: _noColor, CI: _ci, ...neutral } = neutralEnvironment();
  return { ...neutral, KEYCLOAK_PORT: `${port}`, FORCE_COLOR: "1" };
}

/** What a terminal shows at the end, without progress that has been overwritten. */
function lastOf(text: string): string {
  return linesWithout(text, /^[❯›]/);
}

/** The lines of a plan in a fixed order, since the CLI's varies, and without settings that the reader knows. */
function planOf(text: string): string {
  const order = ["AudienceMapper", "RealmRole", "User", "Password", "RoleMappings", "TokenCheck"];
  const told = /^(plan|adopts|corrects|mapper|role|username)$/;
  const lines = linesWithout(text, /\[urn=|^\s*$|^Resources:|^ +\+ \d+ to create/).split("\n");
  const blocks: string[][] = [[]];
  let shown = true;
  let depth = 0;
  for (const line of lines) {
    const plain = stripVTControlCharacters(line);
    const resource = /^( *)\+ /.exec(plain)?.[1];
    if (resource !== undefined) {
      blocks.push([]);
      shown = true;
      depth = resource.length + 4;
    }
    const property = new RegExp(`^ {${depth}}(\\w+) *: `).exec(plain)?.[1];
    if (property) shown = told.test(property);
    if (shown) blocks.at(-1)?.push(line);
  }
  const rank = (block: string[]) => order.findIndex((type) => block[0]?.includes(`:${type}: `));
  const sorted = blocks.toSorted((one, other) => rank(one) - rank(other)).flat();
  return [...sorted, "\u001b[2m(shortened: without URNs, and without settings)\u001b[22m"].join("\n");
}

function linesWithout(text: string, what: RegExp): string {
  const lines = text.split("\n").filter((line) => !what.test(stripVTControlCharacters(line)));
  return lines.join("\n");
}

/** Masks what differs from run to run. */
function masked(text: string, port: number): string {
  return text
    .replaceAll(`localhost:${port}`, "localhost:8080")
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "…")
    .replaceAll(/\[(\d+m)?[\d.]+s\]/g, "")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "…");
}

/** Nothing secret, and nothing about this machine or run, may get into a committed file. */
function refuseNoise(text: string, more: string[]): void {
  const unwanted = [root, homedir(), tmpdir(), ...more];
  if (/[0-9a-f]{8}-[0-9a-f]{4}-|\d\d:\d\d:\d\d/.test(text) || unwanted.some((each) => text.includes(each))) {
    throw new Error(
      "A picture holds a path, an id, a time or a secret of this run: see `masked` in dev/docs.ts.",
    );
  }
}
