// `npm start`: does everything from a fresh clone to a verified token. What exists already stays as it is.

import { accountVariables, serverVariables } from "../components/keycloak/connection.ts";
import { engineSteps, failWith, runSteps } from "../rig/console/steps.ts";
import { ensureLocalKeycloak } from "../rig/keycloak/local.ts";
import { runPulumi } from "../rig/pulumi/run.ts";
import { Lines } from "./start/lines.ts";
import { summary } from "./start/summary.ts";

const stack = "dev";
const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => abort.abort(new Error("Stopped.")));

/** Not even by a variable that is left in the shell does stack `dev` create its realm on somebody's server. */
function refuseOtherServers(): void {
  const given = [...serverVariables, ...accountVariables].find((name) => process.env[name]);
  if (!given) return;
  const server = URL.parse(process.env.KEYCLOAK_URL ?? "")?.origin ?? "https://cx.example.com";
  throw new Error(
    `${given} is set, but 'npm start' brings a Keycloak of its own: unset ${given}. For a realm on a server of your own:\n  npm run setup -- production --keycloak ${server}/auth --realm expertflow`,
  );
}

let diagnostics: string[] = [];

/** Runs the CLI. @throws Error with its output if it fails */
async function pulumi(args: string[], show: (line: string) => void = () => {}): Promise<string> {
  const shown: string[] = [];
  const lines = new Lines((line) => {
    shown.push(line);
    show(line);
  });
  const command = [...args, "--stack", stack, "--non-interactive"];
  const options = { onLine: (line: string) => lines.add(line), signal: abort.signal };
  const { exitCode, stdout } = await runPulumi(command, options);
  abort.signal.throwIfAborted();
  diagnostics = lines.diagnostics;
  const said = diagnostics.length > 0 ? diagnostics : shown;
  if (exitCode !== 0) throw new Error(`pulumi ${args[0]} failed:\n${said.join("\n")}`);
  return stdout;
}

try {
  refuseOtherServers();
  let show = (_line: string) => {};
  // It needs none of the other steps, so it is fetched and started beside them.
  const keycloak = ensureLocalKeycloak((line) => show(line), abort.signal);
  // Its own step tells of it.
  keycloak.catch(() => {});
  await runSteps([
    ...engineSteps,
    {
      title: "Keycloak",
      task: async (_, task) => {
        show = (line) => {
          task.output = line;
        };
        task.title = `Keycloak at ${await keycloak}`;
      },
    },
    {
      title: "pulumi up",
      task: async (_, task) => {
        const up = () =>
          pulumi(["up", "--yes", "--skip-preview", "--suppress-outputs"], (line) => {
            task.output = line;
          });
        try {
          await up();
        } catch (error) {
          // The first time. Asking each time whether the stack is there would take a tenth of what `up` takes.
          if (!/no stack named/.test(`${error}`)) throw error;
          await pulumi(["stack", "init"]);
          await up();
        }
      },
      rendererOptions: { outputBar: 8 },
    },
  ]);
  if (diagnostics.length > 0) console.log(`\n${diagnostics.join("\n")}`);
  const outputs = JSON.parse(await pulumi(["stack", "output", "--json", "--show-secrets"]));
  console.log(summary(outputs, { url: await keycloak, version: process.env.KEYCLOAK_VERSION }));
} catch (error) {
  failWith(error);
  if (abort.signal.aborted) process.exitCode = 130;
  // A Keycloak that is not ready yet is of no use now.
  abort.abort();
}
