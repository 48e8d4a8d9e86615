// `npm start`: does everything from a fresh clone to a verified token. What exists already stays as it is.

import { engineSteps, failWith, runSteps, type Step } from "../rig/console/steps.ts";
import { ensureLocalKeycloak } from "../rig/keycloak/local.ts";
import { builtPluginWarning } from "../rig/pulumi/engine.ts";
import { runPulumi } from "../rig/pulumi/run.ts";
import { summary } from "./start/summary.ts";

const stack = "dev";
const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => abort.abort(new Error("Stopped.")));

const keycloak: Step = process.env.KEYCLOAK_URL
  ? { title: `Keycloak at ${process.env.KEYCLOAK_URL}, as KEYCLOAK_URL says`, task: () => {} }
  : {
      title: "Keycloak",
      task: async (_, task) => {
        const url = await ensureLocalKeycloak((line) => {
          task.output = line;
        }, abort.signal);
        task.title = `Keycloak at ${url}`;
      },
    };

/** Runs the CLI. @throws Error with its output if it fails */
async function pulumi(args: string[], show: (line: string) => void = () => {}): Promise<string> {
  const said: string[] = [];
  let headings: string[] = [];
  const onLine = (line: string) => {
    if (isNoise(line)) return;
    headings = headings.filter((heading) => indent(heading) < indent(line));
    if (isHeading(line)) return headings.push(line);
    for (const each of [...headings, line]) {
      said.push(each);
      show(each);
    }
    headings = [];
  };
  const command = [...args, "--stack", stack, "--non-interactive"];
  const { exitCode, stdout } = await runPulumi(command, { onLine, signal: abort.signal });
  abort.signal.throwIfAborted();
  if (exitCode !== 0) throw new Error(`pulumi ${args[0]} failed:\n${said.join("\n")}`);
  return stdout;
}

/** Progress, since the end of each step is shown as well; and warnings about a plugin that was built here. */
const isNoise = (line: string) =>
  line.trim() === "" ||
  line.startsWith("@ ") ||
  / (creating|updating|deleting|replacing|running) (\(\d+s\) )?$/.test(line) ||
  builtPluginWarning.test(line);

/** A heading is shown only if something other than noise follows it. */
const isHeading = (line: string) => /^(Diagnostics:| {2}\S+ \(.+\):)$/.test(line.trimEnd());

const indent = (line: string) => line.length - line.trimStart().length;

try {
  await runSteps([
    ...engineSteps,
    keycloak,
    {
      title: `Stack ${stack}`,
      task: async () => {
        await pulumi(["stack", "select", "--create"]);
      },
    },
    {
      title: "pulumi up",
      task: async (_, task) => {
        await pulumi(["up", "--yes", "--skip-preview", "--suppress-outputs"], (line) => {
          task.output = line;
        });
      },
      rendererOptions: { outputBar: 8 },
    },
  ]);
  const outputs = JSON.parse(await pulumi(["stack", "output", "--json", "--show-secrets"]));
  console.log(summary(outputs, process.env.KEYCLOAK_VERSION));
} catch (error) {
  failWith(error);
  if (abort.signal.aborted) process.exitCode = 130;
}
