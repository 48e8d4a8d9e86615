// `npm run bench`: us, the peers and the floors side by side, in one run, on one Keycloak, in turns. Without arguments it
// writes docs/performance.md and its picture; a missed limit is an exit code other than 0.
//   --quick        what the limits at one realm need, within three minutes
//   --realms 1,10  these sizes       --rounds N  so many rounds of each
//   --only A,B     these contestants

import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { toolPath } from "../dev/environment.ts";
import { compileCache } from "../dev/folders.ts";
import { startKeycloak, stopKeycloak } from "../dev/keycloak.ts";
import { engineSteps, failWith, runSteps } from "../dev/steps.ts";
import { AccessLog, accessLogOptions, isLogin, type LoggedRequest } from "./access-log.ts";
import { contestants as everybody } from "./contestants/all.ts";
import { type Contestant, type Operation, operations, type Prepared } from "./contestants/contestant.ts";
import { requests } from "./contestants/requests.ts";
import { exitCodeOf, type Sample, verdicts } from "./figures.ts";
import { limits, neededAt } from "./limits.ts";
import { machine } from "./machine.ts";
import { endLeftovers, measure } from "./process-tree.ts";
import { Realms } from "./realms.ts";
import { type Run, terminalReport, writeReport } from "./report.ts";

const started = Date.now();
/** `--quick` begins no round that would end later than this, in milliseconds. */
const quickLimit = 165_000;
const quickRounds = { least: 2, most: 5 };
const defaultRounds = 5;

const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => abort.abort(new Error("Stopped.")));

const samples: Sample[] = [];
const folder = await realpath(await mkdtemp(path.join(tmpdir(), "keycloak-apisix-bench-")));
const home = path.join(folder, "keycloak");
// Projects of the bench, and temporary files of what it measures, go with this folder.
process.env.TMPDIR = folder;
try {
  const options = readArguments();
  await startServers();
  const environment = await benchEnvironment();
  const log = new AccessLog(home);
  let realms: Realms | undefined;
  for (const count of options.sizes) {
    realms = await Realms.create(count, realms);
    await roundsAt(realms, options, environment, log);
  }
  const run: Run = {
    samples,
    verdicts: verdicts(samples, limits),
    machine: await machine(),
    contestants: [...everybody, requests],
    absent: everybody.flatMap((each) => each.absent?.() ?? []),
    minutes: Math.round((Date.now() - started) / 60_000),
  };
  console.log(terminalReport(run));
  if (options.writes) await writeReport(run);
  process.exitCode = exitCodeOf(run.verdicts);
} catch (error) {
  failWith(abort.signal.aborted ? abort.signal.reason : error);
  if (abort.signal.aborted) process.exitCode = 130;
} finally {
  await endLeftovers();
  await stopKeycloak(home);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

interface Options {
  readonly sizes: readonly number[];
  readonly rounds: number | undefined;
  readonly contestants: readonly Contestant[];
  readonly quick: boolean;
  /** Does the run make the report that is committed? */
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
    throw new Error(`'${option} ${text}': it takes numbers from 1 on.`);
  };
  const sizes = (values.realms ?? (quick ? "1" : "1,10,50"))
    .split(",")
    .map((text) => number(text, "--realms"));
  const named = values.only?.split(",");
  const unknown = named?.find((name) => !everybody.some((each) => each.name === name));
  if (unknown !== undefined) {
    throw new Error(
      `There is no contestant '${unknown}': choose from ${everybody.map(({ name }) => name).join(", ")}.`,
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

/** What all commands get; the caller's own Keycloak, stacks and state are no business of theirs. */
async function benchEnvironment(): Promise<NodeJS.ProcessEnv> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => name === "PULUMI_HOME" || !/^(PULUMI|KEYCLOAK|TEST_KEYCLOAK|KC)_/.test(name),
  );
  return { ...Object.fromEntries(inherited), PATH: await toolPath(), NODE_COMPILE_CACHE: compileCache };
}

interface Entrant {
  readonly contestant: Contestant;
  readonly prepared: Prepared;
  readonly operations: readonly Operation[];
}

async function roundsAt(
  realms: Realms,
  { rounds, contestants, quick }: Options,
  environment: NodeJS.ProcessEnv,
  log: AccessLog,
): Promise<void> {
  const count = realms.all.length;
  const needed = quick ? neededAt(count) : undefined;
  const entrants: Entrant[] = [];
  for (const contestant of contestants) {
    const wanted = needed ? needed.get(contestant.name) : new Set(operations);
    if (!wanted || (contestant.rounds?.(count) ?? 1) === 0) continue;
    const own = path.join(folder, `${contestant.name}-${count}`);
    await mkdir(own);
    const prepared = await contestant.prepare({ realms, folder: own });
    // Without the first one there is nothing that the others could find.
    const does = operations.filter(
      (each) => prepared.commands[each] && (wanted.has(each) || each === "fresh"),
    );
    entrants.push({ contestant, prepared, operations: does });
  }
  let longest = 0;
  const most = rounds ?? (quick ? quickRounds.most : defaultRounds);
  for (let round = 0; round <= most; round++) {
    const start = Date.now();
    const late = start - started + longest > quickLimit;
    if (quick && rounds === undefined && round > quickRounds.least && late) break;
    console.log(
      `\n${count} ${count === 1 ? "realm" : "realms"}, ${round === 0 ? "warming up" : `round ${round}`}`,
    );
    const turn = round % entrants.length;
    for (const entrant of [...entrants.slice(turn), ...entrants.slice(0, turn)]) {
      // What is far from every limit is no use as a warm-up either.
      const ofItsOwn = quick ? 1 : (entrant.contestant.rounds?.(count) ?? Number.POSITIVE_INFINITY);
      const slow = entrant.contestant.rounds !== undefined;
      if (slow && (round === 0 || round > ofItsOwn)) continue;
      await turnOf(entrant, { realms, round, environment, log });
    }
    longest = Math.max(longest, Date.now() - start);
  }
}

interface Turn {
  readonly realms: Realms;
  /** 0 to warm up. */
  readonly round: number;
  readonly environment: NodeJS.ProcessEnv;
  readonly log: AccessLog;
}

/** One contestant from untouched realms to untouched realms. */
async function turnOf({ contestant, prepared, operations: does }: Entrant, turn: Turn): Promise<void> {
  const { realms, round, log } = turn;
  const seen: string[] = [];
  const keep = (sample: Omit<Sample, "realms" | "round">) => {
    seen.push(`${sample.operation} ${sample.seconds.toFixed(2)}`);
    if (round > 0) samples.push({ realms: realms.all.length, round, ...sample });
  };
  for (const operation of does) {
    if (operation === "drift" && contestant.works) await realms.tamper();
    const { sample, asked } = await measured(contestant, prepared, operation, turn);
    keep(sample);
    if (operation === "fresh" && contestant.works) await realms.verify();
    if (operation === "drift" && contestant.works) await realms.repair();
    if (contestant.name === requests.repeats.contestant && operation === requests.repeats.operation) {
      keep({ contestant: "requests", operation, ...(await sentAgain(asked, log)) });
    }
  }
  await prepared.forget?.();
  if (contestant.works) await realms.clear();
  console.log(`  ${contestant.title}: ${seen.join(", ")}`);
}

async function measured(
  { name, title }: Contestant,
  prepared: Prepared,
  operation: Operation,
  { environment, log }: Turn,
) {
  const command = prepared.commands[operation];
  if (!command) throw new Error(`${title} has no ${operation}.`);
  await log.take();
  const { seconds, memory, exitCode, output } = await measure(command, environment, abort.signal);
  const asked = await log.take();
  const complaint = exitCode === 0 ? command.complaint?.(output) : `it ended with ${exitCode}`;
  if (complaint) throw new Error(`${title}, ${operation}: ${complaint}\n${output}`);
  const sample: Omit<Sample, "realms" | "round"> = {
    contestant: name,
    operation,
    seconds,
    memory,
    requests: asked.length,
    logins: asked.filter(isLogin).length,
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
