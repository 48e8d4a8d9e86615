// `npm run bench`: measures our program, @pulumi/keycloak and the engine's floor in turns, on one Keycloak. Without arguments
// it writes docs/performance.md. If a limit is missed, the exit code is not 0.
//   --quick       one realm, one round, in two minutes
//   --realms 1,10 and --only ours,peer take these sizes and these contestants only
import { randomBytes, randomInt } from "node:crypto";
import { mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import getPort from "get-port";
import { failWith } from "../rig/console/steps.ts";
import { startKeycloak, stopKeycloak } from "../rig/keycloak/server.ts";
import { compileCache, root, writePrivately } from "../rig/machine/folders.ts";
import { listProcesses } from "../rig/machine/processes.ts";
import {
  engineVersion,
  ensureEngine,
  ensureKeycloakPlugin,
  keycloakPluginFolder,
  keycloakPluginVersion,
} from "../rig/pulumi/engine.ts";
import { neutralEnvironment, toolPath } from "../rig/pulumi/environment.ts";
import { accessLogOptions, requestCounter } from "./access-log.ts";
import { type Contestant, complaint, prepare } from "./contestants.ts";
import { exitCodeOf, Figures, type Metric, verdictsOn, type Who } from "./figures.ts";
import { installed } from "./install.ts";
import { limits } from "./limits.ts";
import { endLeftovers, measure, processorOf } from "./measure.ts";
import { Realms } from "./realms.ts";
import { pageOf } from "./report.ts";

interface Part {
  readonly realms: number;
  readonly rounds: number;
  readonly who: readonly Who[];
}

/** Keycloak's compilers are busy during the first rounds; in production it has run for days. */
const warmUp: Part = { realms: 50, rounds: 2, who: ["ours", "peer", "floor"] };
const plan: readonly Part[] = [
  { realms: 50, rounds: 5, who: ["ours", "peer", "floor"] },
  { realms: 50, rounds: 1, who: ["one-by-one", "side-by-side"] },
  { realms: 1, rounds: 5, who: ["ours", "peer", "floor", "ours-cold", "peer-cold"] },
  { realms: 1, rounds: 5, who: ["clone"] },
  { realms: 10, rounds: 3, who: ["ours", "peer", "floor"] },
  { realms: 200, rounds: 1, who: ["ours"] },
];
const started = Date.now();
const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => abort.abort(new Error("Stopped.")));

const folder = await realpath(await mkdtemp(path.join(tmpdir(), "keycloak-apisix-bench-")));
const home = path.join(folder, "keycloak");
// Holds the bench's projects and the temporary files of what it measures; deleted at the end.
process.env.TMPDIR = folder;
const figures = new Figures();
const realms = new Realms();
try {
  const text = { type: "string" } as const;
  const options = { quick: { type: "boolean" }, realms: text, only: text } as const;
  const { quick, realms: sizes = quick ? "1" : undefined, only } = parseArgs({ options }).values;
  const isWhole = !sizes && !only;
  const surroundings = await start();
  console.log("\nWarm-up, which does not count");
  await run({ ...warmUp, ...(quick && { realms: 1, rounds: 1 }) }, new Figures(), surroundings);
  const parts = plan.filter(({ realms }) => sizes?.split(",").includes(`${realms}`) ?? true);
  for (const part of parts) {
    const who = part.who.filter((name) => only?.split(",").includes(name) ?? true);
    const rounds = quick ? 1 : part.rounds;
    if (who.length > 0) await run({ ...part, rounds, who }, figures, surroundings);
  }
  const verdicts = verdictsOn(limits, figures);
  const plugin = await readFile(path.join(root, "rig", "go", "keycloak-plugin", "main.go"), "utf8");
  const builtPlugin = /version = "(.+?)"/.exec(plugin)?.[1];
  const page = await pageOf(figures, verdicts, {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} cores (${cpus()[0]?.model.trim()}) with ${Math.round(totalmem() / 2 ** 30)} GiB`,
    keycloak: process.env.TEST_KEYCLOAK_VERSION ?? "",
    engine: engineVersion,
    node: process.versions.node,
    peer: `${keycloakPluginVersion}${(await keycloakPluginFolder()) ? `, its plugin ${builtPlugin} built here` : ""}`,
    ...(isWhole && (await installed(folder))),
    minutes: `${Math.round((Date.now() - started) / 60_000)}`,
  });
  console.log(`\n${page}`);
  if (isWhole) await writeFile(path.join(root, "docs", "performance.md"), page);
  process.exitCode = exitCodeOf(verdicts);
} catch (error) {
  failWith(abort.signal.aborted ? abort.signal.reason : error);
  if (abort.signal.aborted) process.exitCode = 130;
} finally {
  await endLeftovers();
  await stopKeycloak(home);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function run({ realms: size, rounds, who }: Part, into: Figures, surroundings: Surroundings) {
  await realms.resizeTo(size);
  const entrants: [Who, Contestant][] = [];
  for (const name of who) entrants.push([name, await prepare(name, realms, home)]);
  for (let round = 1; round <= rounds; round += 1) {
    console.log(`\n${size} realm${size === 1 ? "" : "s"}, round ${round}`);
    // Each round begins with another one.
    const first = round % entrants.length;
    for (const [name, contestant] of [...entrants.slice(first), ...entrants.slice(0, first)])
      await takeTurn(name, contestant, round, into, surroundings);
  }
  for (const [, contestant] of entrants) await contestant.leave?.();
}

async function start() {
  await ensureEngine(console.log);
  await ensureKeycloakPlugin(console.log);
  const adminPassword = randomBytes(12).toString("hex");
  // Where the contestant `clone` looks for it.
  await writePrivately(path.join(home, "admin-password"), adminPassword);
  const { url, version, pid } = await startKeycloak({
    home,
    // Below the ephemeral ports and not another bench's, so that nothing takes it while the server starts.
    port: await getPort({ port: randomInt(18_600, 18_900) }),
    adminUser: "admin",
    adminPassword,
    ...accessLogOptions,
    report: console.log,
    signal: abort.signal,
  });
  process.env.TEST_KEYCLOAK_URL = url;
  process.env.TEST_KEYCLOAK_PASSWORD = adminPassword;
  process.env.TEST_KEYCLOAK_VERSION = version;
  const keycloak = (await listProcesses()).filter(({ group }) => group === pid);
  return {
    environment: { ...neutralEnvironment(), PATH: await toolPath(), NODE_COMPILE_CACHE: compileCache },
    requests: requestCounter(home),
    /** Keycloak's processor time so far. */
    processor: () => keycloak.reduce((sum, each) => sum + (processorOf(each.pid) ?? 0), 0),
  };
}

type Surroundings = Awaited<ReturnType<typeof start>>;

/** Runs all commands of one contestant. */
async function takeTurn(
  who: Who,
  contestant: Contestant,
  round: number,
  into: Figures,
  surroundings: Surroundings,
) {
  const { environment, processor, requests } = surroundings;
  const size = realms.all.length;
  const seen: string[] = [];
  if (contestant.works) await realms.clear();
  await contestant.forget?.();
  for (const command of contestant.commands) {
    const { operation } = command;
    abort.signal.throwIfAborted();
    await requests();
    const before = processor();
    const { exitCode, output, measured } = await measure(command, environment, abort.signal);
    const ofKeycloak = { keycloak: processor() - before, requests: (await requests()) / size };
    const problem = exitCode === 0 ? complaint(command, output) : `it ended with ${exitCode}`;
    if (problem) throw new Error(`${who}, ${operation}: ${problem}\n${output}`);
    // Once is enough: the output of each run is checked as well.
    if (operation === "fresh" && contestant.works && round === 1) await realms.verify();
    seen.push(`${operation} ${measured.seconds?.toFixed(2)}`);
    const all = { ...measured, ...ofKeycloak, state: (await contestant.state?.()) ?? 0 };
    for (const [metric, value] of Object.entries(all))
      into.add(`${size} ${who} ${operation} ${metric as Metric}`, round, value);
  }
  console.log(`  ${who.padEnd(12)} ${seen.join(" · ")}`);
}
