// `npm run drift`: does every realm still look the way its stack wants it? Made for cron and CI: the report goes to
// stdout, the verdict is the exit code. It changes nothing, neither in Keycloak nor in the state.

import { parseArgs } from "node:util";
import { readServer } from "../components/keycloak/connection.ts";
import { failWith } from "../rig/console/steps.ts";
import { builtPluginWarning, ensureEngine, ensureKeycloakPlugin } from "../rig/pulumi/engine.ts";
import { localEnvironment } from "../rig/pulumi/environment.ts";
import { runPulumi } from "../rig/pulumi/run.ts";
import {
  foreignNames,
  type Preview,
  parsePreview,
  type Result,
  report,
  resultOf,
  type StackReport,
  said,
  whole,
} from "./report.ts";
import { stackText, summaryText } from "./text.ts";

const exitCodes: Readonly<Record<Result, number>> = { clean: 0, unknown: 1, drift: 2, unapplied: 3 };

const usage = `npm run drift                        all stacks of the project
npm run drift -- --stack NAME …      these stacks only
  --json          the report as JSON
  --no-refresh    do not compare resources of other providers (ownRealm: realm and client)
Exit code: 0 clean, 1 could not be checked, 2 drift, 3 no drift, but something is not applied yet.`;

interface Options {
  stacks: string[];
  json: boolean;
  refresh: boolean;
  help: boolean;
}

// With this variable the CLI prints another format, which is not read here.
delete process.env.PULUMI_ENABLE_STREAMING_JSON_PREVIEW;

const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => abort.abort(new Error("Stopped.")));

try {
  const options = readArguments(process.argv.slice(2));
  if (options.help) console.log(usage);
  else process.exitCode = await main(options);
} catch (error) {
  failWith(error);
  if (abort.signal.aborted) process.exitCode = 130;
}

async function main({ stacks: named, json, refresh }: Options): Promise<number> {
  await ensureEngine((line) => console.error(line));
  await ensureKeycloakPlugin((line) => console.error(line));
  const stacks: StackReport[] = [];
  for (const stack of named.length > 0 ? named : await allStacks()) {
    const found = await watch(stack, refresh);
    stacks.push(found);
    if (!json) console.log(`${stackText(found)}\n`);
  }
  const all = whole(stacks);
  console.log(json ? JSON.stringify(all, null, 2) : summaryText(all));
  return exitCodes[all.result];
}

/** @throws Error with one sentence that says what is wrong with the arguments. */
function readArguments(args: string[]): Options {
  const { tokens, values } = parseArgs({
    args,
    options: {
      stack: { type: "string", short: "s", multiple: true },
      json: { type: "boolean" },
      "no-refresh": { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") {
      throw new Error(
        `Unexpected argument '${token.value}': name stacks with --stack, and put options after '--', or npm takes them for its own: npm run drift -- --stack ${token.value}.`,
      );
    }
    if (token.kind !== "option") continue;
    if (!["stack", "json", "no-refresh", "help"].includes(token.name)) {
      throw new Error(`Unknown option '${token.rawName}'.\n${usage}`);
    }
    if (token.name !== "stack" && token.value !== undefined) {
      throw new Error(`Option '${token.rawName}' takes no value.`);
    }
    if (token.name === "stack" && (!token.value || token.value.startsWith("-"))) {
      throw new Error("Option '--stack' needs the name of a stack: npm run drift -- --stack production.");
    }
  }
  return {
    stacks: [...new Set((values.stack as string[] | undefined) ?? [])],
    json: values.json === true,
    refresh: values["no-refresh"] !== true,
    help: values.help === true,
  };
}

async function allStacks(): Promise<string[]> {
  const { exitCode, stdout, stderr } = await pulumi(["stack", "ls", "--json"]);
  if (exitCode !== 0) throw new Error(`The stacks could not be listed: ${withoutName(stderr)}`);
  const stacks = (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
  if (stacks.length > 0) return stacks;
  throw new Error(
    "There is nothing to compare with, because this project has no stack in the current state backend: set PULUMI_BACKEND_URL to the right one, or create a stack (npm run pulumi -- stack init NAME).",
  );
}

async function watch(stack: string, refresh: boolean): Promise<StackReport> {
  const told = { stack, warnings: [] as string[], notCompared: [] as string[] };
  const failed = (error: string): StackReport => ({ ...told, result: "unknown", error, resources: [] });
  const plain = await preview(stack);
  if (typeof plain === "string") return failed(plain);
  told.warnings = said("warning", plain).filter((line) => !builtPluginWarning.test(line));

  const foreign = foreignNames(plain.steps);
  if (!refresh) told.notCompared = foreign;
  // Our resources always compare with the live realm; others do so only after a refresh. --run-program makes the
  // refresh use today's connection, not the recorded one.
  const refreshed =
    refresh && foreign.length > 0 ? await preview(stack, "--refresh", "--run-program") : undefined;
  if (typeof refreshed === "string") {
    return failed(`Comparing ${foreign.join(", ")} with the live realm failed: ${refreshed}`);
  }
  const environment = await localEnvironment(["--stack", stack]);
  const resources = report({
    plain: plain.steps,
    refreshed: refreshed?.steps,
    serverOf: (connection) => {
      try {
        return readServer(connection ?? "keycloak", (key) => plain.config[key], environment);
      } catch {
        return undefined;
      }
    },
  });
  return { ...told, result: resultOf({ resources }), resources };
}

/** @returns the preview, or why there is none. */
async function preview(stack: string, ...more: string[]): Promise<Preview | string> {
  const { exitCode, stdout, stderr } = await pulumi([
    "preview",
    "--json",
    "--show-sames",
    "--stack",
    stack,
    ...more,
  ]);
  const found = parsePreview(stdout);
  const errors = found ? said("error", found) : [];
  // Every preview has a step for the stack itself, so output without any step is not a preview.
  if (found?.steps.length && exitCode === 0 && errors.length === 0) return found;
  return (
    errors.join("\n") ||
    withoutName(stderr) ||
    `pulumi preview ended with exit code ${exitCode} and printed nothing that explains it.`
  );
}

async function pulumi(args: string[]) {
  const result = await runPulumi([...args, "--non-interactive"], { onLine: () => {}, signal: abort.signal });
  abort.signal.throwIfAborted();
  return result;
}

function withoutName(stderr: string): string {
  return stderr.trim().replace(/^error: /, "");
}
