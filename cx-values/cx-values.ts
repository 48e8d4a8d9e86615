// `npm run cx-values`: puts a stack's plugin blocks on the routes of an operator's `apisix-custom-values.yaml`.

import path from "node:path";
import { parseArgs } from "node:util";
import { failWith } from "../rig/console/steps.ts";
import { ensureEngine } from "../rig/pulumi/engine.ts";
import { runPulumi } from "../rig/pulumi/run.ts";
import { blocksFor, fromJson, isBlock, openidConnect, ownerOf, words } from "./block.ts";
import { readText, replaceText } from "./file.ts";
import { type Rewritten, rewrite } from "./rewrite.ts";
import { listText } from "./text.ts";

const usage = `npm run cx-values -- --stack NAME --apisix FILE
  --realm REALM   of a stack with several realms, the one whose tokens the routes check
  --route ID      only this route, whatever it carries; can be repeated
  --check         change nothing; exit code 2 if the file differs from the stack
  --remove        take the blocks out again
Exit code: 0 done, or nothing to do; 1 error, and nothing is changed; 2 with --check: the file differs.`;

try {
  const options = readArguments(process.argv.slice(2));
  if (options) process.exitCode = await main(options);
  else console.log(usage);
} catch (error) {
  failWith(error);
}

type Options = NonNullable<ReturnType<typeof readArguments>>;

async function main({ stack, file, realm, routes, check, remove }: Options): Promise<number> {
  const before = await readText(file);
  await ensureEngine((line) => console.error(line));
  const plugins = blocksFor(await enablementsOf(stack), stack, realm);
  let result: Rewritten;
  try {
    result = rewrite(before, { plugins, named: routes, remove });
  } catch (error) {
    throw new Error(`${file} is left as it is: ${error instanceof Error ? error.message : error}.`);
  }

  const owner = words(ownerOf(plugins[openidConnect]));
  const differs = result.text !== before;
  if (differs && !check) await replaceText(file, before, result.text);
  console.log(listText({ routes: result.routes, owner, check }));
  if (!remove && !result.routes.some(({ state }) => state === "secured")) {
    throw new Error(
      `No route of ${file} carries a block for ${owner}, live or commented out: name those to be secured with --route ID.`,
    );
  }
  if (!differs) console.log(`\nNothing to change in ${file}.`);
  else if (!check) console.log(`\n${file} is changed.`);
  else console.log(`\n${file} differs from stack '${stack}'. To change it:\n  ${command()}`);
  return differs && check ? 2 : 0;
}

/** @returns undefined if somebody asks for help */
function readArguments(args: string[]) {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  if (positionals.length > 0) {
    throw new Error(
      `Unexpected argument '${positionals[0]}': put options after '--', or npm takes them for its own: npm run cx-values -- --stack NAME --apisix FILE.`,
    );
  }
  const { stack, apisix, realm, route = [], check = false, remove = false } = values;
  if (!stack || !apisix)
    throw new Error(`Name a stack with --stack and a values file with --apisix.\n${usage}`);
  // npm runs scripts in the repository, whatever folder they are called from.
  const file = path.resolve(process.env.INIT_CWD ?? "", apisix);
  return { stack, file, realm, routes: route, check, remove };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        stack: { type: "string", short: "s" },
        apisix: { type: "string" },
        realm: { type: "string" },
        route: { type: "string", multiple: true },
        check: { type: "boolean" },
        remove: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    // Node's second sentence is about something else than what people do wrong here.
    const [sentence] = `${error instanceof Error ? error.message : error}`.split(/\.\s/);
    throw new Error(`${sentence}.\n${usage}`);
  }
}

/** That output of the stack, with the client's secret in it. */
async function enablementsOf(stack: string): Promise<unknown> {
  const args = ["stack", "output", "--json", "--show-secrets", "--stack", stack, "--non-interactive"];
  const { exitCode, stdout, stderr } = await runPulumi(args, { onLine: () => {} });
  if (exitCode !== 0) {
    throw new Error(
      `The outputs of stack '${stack}' could not be read: ${stderr.trim().replace(/^error: /, "")}`,
    );
  }
  const outputs = fromJson(stdout);
  if (isBlock(outputs) && outputs.enablements !== undefined) return outputs.enablements;
  throw new Error(
    `Stack '${stack}' has no output enablements yet: run its up first (npm run pulumi -- up --stack ${quoted(stack)}).`,
  );
}

/** The same command without --check, for a shell. */
function command(): string {
  const args = process.argv.slice(2).filter((arg) => arg !== "--check");
  return `npm run cx-values -- ${args.map(quoted).join(" ")}`;
}

function quoted(arg: string): string {
  return /^[\w./:=@-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`;
}
