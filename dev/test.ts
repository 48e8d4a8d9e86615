// `npm test`: runs lint, then every test, with the real engine and a Keycloak of its own. The last line is
// "N passed, N failed". Without arguments, the main path runs once more on the Keycloak that CX ships. Arguments that are
// not listed here go to ava.
//   --suite NAME        only this suite, in its long form; `--runs N` and `--seed N` if it generates its cases
//   --keycloak VERSION  on this Keycloak
//   --no-lint           without lint
//   --pictures          with --suite guide: writes the pictures of Keycloak's console in docs/

import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { engineSteps, failWith, runSteps, type Step } from "../rig/console/steps.ts";
import { ensureTool, type Tool } from "../rig/go/tools.ts";
import {
  cxKeycloakVersion,
  keycloakVersion,
  shortLived,
  startKeycloak,
  stopKeycloak,
} from "../rig/keycloak/server.ts";
import { compileCache, root } from "../rig/machine/folders.ts";
import { endProcesses, listProcesses } from "../rig/machine/processes.ts";
import { neutralEnvironment, toolPath } from "../rig/pulumi/environment.ts";
import * as mainPath from "./matrix/main-path.ts";

interface Suite {
  readonly files: readonly string[];
  /** Only the tests with these titles. */
  readonly titles?: readonly string[];
  /** Releases of Keycloak to run it on, one after the other, unless one is given. Default: the newest. */
  readonly releases?: readonly string[];
  /** Variables that make its tests run in their long form. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

const avaArguments = process.argv.slice(2);
const withLint = !flag("--no-lint");
const version = option("--keycloak");
const pictures = flag("--pictures");
const runs = option("--runs");
const seed = option("--seed");
const suites = {
  /** Tests of pure code, which need neither engine nor Keycloak. */
  unit: { files: ["{program,components,drift,cx-values,rig,dev,bench}/**/*.test.ts"] },
  "main-path": {
    files: [...mainPath.throughTheCli, mainPath.drift.file, ...mainPath.accounts],
    titles: mainPath.titles,
    environment: { TEST_RUNS: runs ?? `${mainPath.drift.runs}`, TEST_SEED: seed },
  },
  properties: { files: ["test/properties/*.test.ts"], environment: { TEST_RUNS: runs, TEST_SEED: seed } },
  faults: {
    files: ["test/keycloak/faults.test.ts", "test/keycloak/restart.test.ts"],
    environment: { TEST_FAULTS: "long" },
  },
  kill: {
    files: ["test/cli/kill.test.ts"],
    environment: { TEST_KILLS: runs ?? "50", TEST_KILL_SEED: seed },
  },
  package: { files: ["test/cli/package.test.ts"], environment: { TEST_PACKAGE: "all" } },
  gateway: { files: ["test/gateway/*.test.ts"] },
  guide: {
    files: ["test/guide/*.test.ts"],
    releases: [keycloakVersion, cxKeycloakVersion],
    environment: { TEST_GUIDE: "1", TEST_PICTURES: pictures ? path.join(root, "docs") : undefined },
  },
  production: { files: ["test/production/*.test.ts"], environment: { TEST_PRODUCTION: "1" } },
} satisfies Readonly<Record<string, Suite>>;
const suiteName = option("--suite");
const suite: Suite | undefined = Object.entries(suites).find(([name]) => name === suiteName)?.[1];
const everything = suiteName === undefined && version === undefined && avaArguments.length === 0;

// Test files spend much time waiting for Keycloak and the CLI. In CI ava would use two workers on every machine.
const workers = avaArguments.some((each) => /^(--concurrency|-c)\b/.test(each))
  ? []
  : ["--concurrency", `${Math.min(availableParallelism() + 1, 8)}`];

// Every process of this run has this in its environment, so it can be found after its parent has ended.
const mark = `KEYCLOAK_APISIX_TEST_RUN=${randomUUID()}`;
const bin = (name: string) => path.join(root, "node_modules", ".bin", name);

const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => abort.abort(new Error("Stopped.")));

const counts = { passed: 0, failed: 0 };
// Tests keep their files here. `realpath`, because programs compare paths.
const folder = await realpath(await mkdtemp(path.join(tmpdir(), "keycloak-apisix-")));
try {
  if (suiteName !== undefined && !suite) {
    throw new Error(`Unknown suite '${suiteName}': choose one of ${Object.keys(suites).join(", ")}.`);
  }
  if (suite === suites.unit) await runTests(suite, await testEnvironment());
  else {
    const tools = await prepare();
    const releases = version === undefined ? suite?.releases : undefined;
    for (const release of releases ?? [version]) await runTestsOn(release, suite, tools);
    if (everything) await runTestsOn(cxKeycloakVersion, suites["main-path"], tools);
  }
} catch (error) {
  counts.failed += 1;
  failWith(error);
} finally {
  const left = await endProcesses(async () => {
    const all = await listProcesses(true);
    return all.filter(({ pid, command }) => pid !== process.pid && command.includes(mark));
  });
  if (left > 0) console.log(`Ended ${left} processes that the tests left running.`);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}
if (counts.failed > 0) process.exitCode = abort.signal.aborted ? 130 : 1;
console.log(`${counts.passed} passed, ${counts.failed} failed`);

function flag(name: string): boolean {
  const at = avaArguments.indexOf(name);
  return at >= 0 && avaArguments.splice(at, 1).length > 0;
}

function option(name: string): string | undefined {
  const at = avaArguments.indexOf(name);
  return at < 0 ? undefined : avaArguments.splice(at, 2)[1];
}

function marked() {
  const [name = "", value = ""] = mark.split("=");
  return { [name]: value };
}

async function testEnvironment(): Promise<Record<string, string | undefined>> {
  return {
    ...neutralEnvironment(),
    ...marked(),
    PATH: await toolPath(),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NODE_COMPILE_CACHE: compileCache,
    TMPDIR: folder,
    // Unlike the tests' other files they stay: they are made only when a test fails.
    TEST_SCREENSHOTS: `${folder}-screenshots`,
    FORCE_COLOR: "0",
  };
}

/** Lints and fetches what the tests need. @returns variables that tell the tests about it */
async function prepare() {
  const tools: Record<string, string> = {};
  await runSteps([
    { title: "Lint", task: lint, enabled: withLint },
    ...engineSteps,
    ...(["toxiproxy", "actionlint"] satisfies Tool[]).map(
      (tool): Step => ({
        title: tool,
        task: async (_, task) => {
          const program = await ensureTool(tool, (line) => {
            task.output = line;
          });
          if (!program)
            return task.skip(`${tool}: its tests are skipped, because there is no Go to build it`);
          tools[`TEST_${tool.toUpperCase()}`] = program;
        },
      }),
    ),
  ]);
  return tools;
}

/** Runs the suite's tests, without one all, on a Keycloak that lives no longer than they do. */
async function runTestsOn(
  release: string | undefined,
  which: Suite | undefined,
  tools: Readonly<Record<string, string>>,
) {
  const home = path.join(folder, `keycloak-${release}`);
  const password = randomBytes(12).toString("hex");
  try {
    const environment = await testEnvironment();
    await runSteps([
      {
        title: release ? `Keycloak ${release}` : "Keycloak",
        task: async (_, task) => {
          const keycloak = await startKeycloak({
            home,
            adminUser: "admin",
            adminPassword: password,
            version: release,
            env: { ...shortLived, ...marked() },
            report: (line) => {
              task.output = line;
            },
            signal: abort.signal,
          });
          Object.assign(environment, tools, {
            TEST_KEYCLOAK_URL: keycloak.url,
            TEST_KEYCLOAK_PASSWORD: password,
            TEST_KEYCLOAK_VERSION: keycloak.version,
          });
        },
      },
    ]);
    abort.signal.throwIfAborted();
    await runTests(which, environment);
  } finally {
    await stopKeycloak(home);
  }
}

async function lint() {
  for (const [name, ...args] of [["biome", "check", "."], ["tsc"]] as const) {
    const { failed, all } = await execa(bin(name), args, {
      cwd: root,
      all: true,
      reject: false,
      stdin: "ignore",
    });
    if (failed) throw new Error(`${name} failed:\n${all}`);
  }
}

/**
 * Runs ava and counts the results in its output: only its default reporter survives a test that hangs or ends its process.
 * A run that breaks off or runs no test has failed, whatever it reported.
 */
async function runTests(which: Suite | undefined, environment: Record<string, string | undefined>) {
  const titles = (which?.titles ?? []).map((title) => `--match=${title}`);
  let ticks = 0;
  let summary: string[] = [];
  const { exitCode } = await execa(
    bin("ava"),
    [...workers, ...titles, ...(which?.files ?? []), ...avaArguments],
    {
      cwd: root,
      env: { ...environment, ...which?.environment },
      extendEnv: false,
      stdin: "ignore",
      stdout: [
        function* (line: unknown) {
          if (/^ {2}✔ /.test(`${line}`)) ticks += 1;
          // The totals follow the last rule.
          summary = /^ *─$/.test(`${line}`) ? [] : [...summary, `${line}`];
          yield line;
        },
        "inherit",
      ],
      stderr: "inherit",
      buffer: false,
      reject: false,
      cancelSignal: abort.signal,
    },
  );
  const figure = (what: RegExp) =>
    summary.map((line) => Number(what.exec(line)?.[1] ?? 0)).reduce((sum, each) => sum + each, 0);
  // If something failed, ava does not say how many tests passed.
  const passed = figure(/^ *(\d+) tests? passed/) || ticks;
  const failed = figure(/^ *(\d+) (?:(?:tests?|hooks?) failed|unhandled|uncaught|tests? remained)/);
  counts.passed += passed;
  counts.failed += failed;
  abort.signal.throwIfAborted();
  if (passed + failed === 0) throw new Error("No test ran.");
  if (exitCode !== 0 && failed === 0) throw new Error("ava failed: see above.");
}
