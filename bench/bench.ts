// `npm run bench`: measures our program, its peers and the floors in turns, on one Keycloak. Without arguments it writes
// docs/performance.md and its picture. If a limit is missed, the exit code is not 0.
//   --quick        only what the limits at one realm need, within three minutes
//   --realms 1,10  only these sizes
//   --rounds N     this many rounds of each
//   --only A,B     only these contestants

import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import getPort, { portNumbers } from "get-port";
import { engineSteps, failWith, runSteps } from "../rig/console/steps.ts";
import { startKeycloak, stopKeycloak } from "../rig/keycloak/server.ts";
import { compileCache } from "../rig/machine/folders.ts";
import { neutralEnvironment, toolPath } from "../rig/pulumi/environment.ts";
import { AccessLog, accessLogOptions, isLogin, isLogout, type LoggedRequest } from "./access-log.ts";
import { contestants as everybody } from "./contestants/all.ts";
import {
  type Command,
  type Contestant,
  type Operation,
  operations,
  type Prepared,
} from "./contestants/contestant.ts";
import { requests } from "./contestants/requests.ts";
import { exitCodeOf, type Sample, verdicts } from "./figures.ts";
import { limits, neededAt } from "./limits.ts";
import { endLeftovers, measure } from "./process-tree.ts";
import { Realms } from "./realms.ts";
import { type Run, terminalReport, writeReport } from "./report.ts";

const started = Date.now();
/** Milliseconds. `--quick` starts no round that would end later. */
const quickLimit = 165_000;
const quickRounds = { least: 1, most: 5 };
/** With fewer rounds than this, the run says that its figures are rough. */
const stableRounds = 3;
const defaultRounds = 5;

const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => abort.abort(new Error("Stopped.")));

const samples: Sample[] = [];
/** Contestants whose result has been verified. */
const verified = new WeakSet<Entrant>();
const folder = await realpath(await mkdtemp(path.join(tmpdir(), "keycloak-apisix-bench-")));
const home = path.join(folder, "keycloak");
// Holds the bench's projects and the temporary files of what it measures; deleted at the end.
process.env.TMPDIR = folder;
let options: Options | undefined;
try {
  options = readArguments();
  await startServers();
  const environment = await benchEnvironment();
  const log = new AccessLog(home);
  let realms: Realms | undefined;
  for (const count of options.sizes) {
    realms = await Realms.create(count, realms);
    await roundsAt(realms, { options, environment, log });
  }
  process.exitCode = exitCodeOf((await report(false)).verdicts);
} catch (error) {
  // Print what has been measured, even if the run broke off.
  if (samples.length > 0) await report(true);
  failWith(abort.signal.aborted ? abort.signal.reason : error);
  if (abort.signal.aborted) process.exitCode = 130;
} finally {
  await endLeftovers();
  await stopKeycloak(home);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function report(isCutShort: boolean): Promise<Run> {
  const run: Run = {
    samples,
    verdicts: verdicts(samples, limits),
    contestants: [...everybody, requests],
    absent: everybody.flatMap((each) => each.absent?.() ?? []),
    minutes: Math.round((Date.now() - started) / 60_000),
    isCutShort,
  };
  console.log(terminalReport(run));
  const isWhole = options?.sizes.every((size) => samples.some(({ realms }) => realms === size));
  if (options?.writes && isWhole) await writeReport(run);
  return run;
}

interface Options {
  readonly sizes: readonly number[];
  readonly rounds: number | undefined;
  readonly contestants: readonly Contestant[];
  readonly quick: boolean;
  /** Does the run write the report that is committed? */
  readonly writes: boolean;
}

function readArguments(): Options {
  const { values } = parseArgs({
    options: {
      realms: { type: "string" },
      rounds: { type: "string" },
      only: { type: "string" },
      quick: { type: "boolean" },
    },
  });
  const quick = values.quick === true;
  const number = (text: string, option: string) => {
    const value = Number(text);
    if (Number.isInteger(value) && value > 0) return value;
    throw new Error(`'${option} ${text}' is wrong: give a whole number, 1 or more.`);
  };
  const sizes = (values.realms ?? (quick ? "1" : "1,10,50"))
    .split(",")
    .map((text) => number(text, "--realms"));
  const named = values.only?.split(",");
  const unknown = named?.find((name) => !everybody.some((each) => each.name === name));
  if (unknown !== undefined) {
    throw new Error(
      `Unknown contestant '${unknown}': choose from ${everybody.map(({ name }) => name).join(", ")}.`,
    );
  }
  return {
    sizes: sizes.toSorted((one, other) => one - other),
    rounds: values.rounds === undefined ? undefined : number(values.rounds, "--rounds"),
    contestants: everybody.filter((each) => (named?.includes(each.name) ?? true) && !each.absent?.()),
    quick,
    writes: Object.keys(values).length === 0,
  };
}

async function startServers(): Promise<void> {
  const adminPassword = randomBytes(12).toString("hex");
  await runSteps([
    ...engineSteps,
    {
      title: "Keycloak",
      task: async (_, task) => {
        const { url, version } = await startKeycloak({
          home,
          // Below the range of ephemeral ports, so that no connection takes the port while the server starts.
          port: await getPort({ port: portNumbers(18_600, 18_900) }),
          adminUser: "admin",
          adminPassword,
          ...accessLogOptions,
          report: (line) => {
            task.output = line;
          },
          signal: abort.signal,
        });
        Object.assign(process.env, {
          TEST_KEYCLOAK_URL: url,
          TEST_KEYCLOAK_PASSWORD: adminPassword,
          TEST_KEYCLOAK_VERSION: version,
        });
      },
    },
  ]);
}

/** The environment of all commands. */
async function benchEnvironment(): Promise<NodeJS.ProcessEnv> {
  return { ...neutralEnvironment(), PATH: await toolPath(), NODE_COMPILE_CACHE: compileCache };
}

interface Surroundings {
  readonly options: Options;
  readonly environment: NodeJS.ProcessEnv;
  readonly log: AccessLog;
}

interface Entrant {
  readonly contestant: Contestant;
  readonly prepared: Prepared;
  readonly realms: Realms;
  readonly wanted: ReadonlySet<Operation>;
  /** How many rounds it takes part in, without the warm-up. */
  readonly rounds: number;
}

async function roundsAt(realms: Realms, surroundings: Surroundings): Promise<void> {
  const { rounds, quick } = surroundings.options;
  await realms.clear();
  await realms.warmUp();
  const entrants = await entrantsAt(realms, surroundings);
  const title = realms.all.length === 1 ? "1 realm" : `${realms.all.length} realms`;
  const most = rounds ?? (quick ? quickRounds.most : defaultRounds);
  let longest = 0;
  let done = 0;
  for (let round = 0; round <= most; round++) {
    const start = Date.now();
    const late = start - started + longest > quickLimit;
    if (quick && rounds === undefined && round > quickRounds.least && late) break;
    console.log(`\n${title}, ${round === 0 ? "warming up" : `round ${round}`}`);
    // A script that starts Java for every call gains nothing from a warm-up.
    const present = entrants.filter((entrant) =>
      round === 0 ? !entrant.contestant.slow : round <= entrant.rounds,
    );
    const first = round % present.length;
    for (const entrant of [...present.slice(first), ...present.slice(0, first)])
      await takeTurn(entrant, round, surroundings);
    longest = Math.max(longest, Date.now() - start);
    done = round;
  }
  if (done < stableRounds) console.log(`\nThe figures are rough, from ${done} rounds only.`);
}

async function entrantsAt(realms: Realms, { options }: Surroundings): Promise<Entrant[]> {
  const entrants: Entrant[] = [];
  const count = realms.all.length;
  for (const contestant of options.contestants) {
    const wanted = options.quick ? neededAt(count).get(contestant.name) : new Set(operations);
    const ofItsOwn = contestant.rounds?.(count) ?? Number.POSITIVE_INFINITY;
    if (!wanted || ofItsOwn === 0) continue;
    const own = path.join(folder, `${contestant.name}-${count}`);
    await mkdir(own);
    const prepared = await contestant.prepare({ realms, folder: own });
    const rounds = contestant.slow && options.quick ? 1 : ofItsOwn;
    entrants.push({ contestant, prepared, realms, wanted, rounds });
  }
  return entrants;
}

/** Runs all operations of one contestant, one after the other. */
async function takeTurn(entrant: Entrant, round: number, surroundings: Surroundings): Promise<void> {
  const { contestant, prepared, realms, wanted } = entrant;
  const seen: string[] = [];
  if (contestant.works) await realms.clear();
  await prepared.forget?.();
  for (const operation of operations) {
    const command = prepared.commands[operation];
    if (!command || (operation !== "fresh" && !wanted.has(operation))) continue;
    // A slow contestant runs only what is asked for.
    if (operation === "fresh" && contestant.slow && !wanted.has("fresh")) {
      await realms.makeReady();
      continue;
    }
    if (operation === "drift" && contestant.works) await realms.tamper();
    const { sample, asked } = await measured(entrant, operation, command, surroundings);
    if (operation === "fresh" && contestant.works && !verified.has(entrant)) {
      // Verifying once is enough, because the output of each run is checked as well.
      await realms.verify();
      verified.add(entrant);
    }
    if (operation === "drift" && contestant.works) await realms.repair();
    const all = [sample];
    if (contestant.name === requests.repeats.contestant && operation === requests.repeats.operation) {
      const again = await sentAgain(asked, surroundings.log);
      all.push({ contestant: requests.name, operation, ...again });
    }
    for (const each of all) {
      const name = each.contestant === contestant.name ? operation : each.contestant;
      seen.push(`${name} ${each.seconds.toFixed(2)}`);
      if (round > 0) samples.push({ realms: realms.all.length, round, ...each });
    }
  }
  console.log(`  ${contestant.name.padEnd(20)} ${seen.join(" · ")}`);
}

async function measured(
  { contestant: { name, title }, prepared }: Entrant,
  operation: Operation,
  command: Command,
  { environment, log }: Surroundings,
) {
  await log.take();
  const { exitCode, output, ...figures } = await measure(command, environment, abort.signal);
  const asked = await log.take();
  const complaint = exitCode === 0 ? command.complaint?.(output) : `it ended with ${exitCode}`;
  if (complaint) throw new Error(`${title}, ${operation}: ${complaint}\n${output}`);
  const sample: Omit<Sample, "realms" | "round"> = {
    contestant: name,
    operation,
    ...figures,
    requests: asked.length,
    logins: asked.filter(isLogin).length,
    logouts: asked.filter(isLogout).length,
    state: await prepared.stateBytes?.(),
  };
  return { sample, asked };
}

async function sentAgain(asked: readonly LoggedRequest[], log: AccessLog) {
  const start = performance.now();
  await requests.send(asked);
  const seconds = (performance.now() - start) / 1000;
  const sent = await log.take();
  return { seconds, requests: sent.length, logins: sent.filter(isLogin).length };
}
