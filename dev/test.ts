// `npm test`: lint, then every test against the real engine and a real Keycloak of its own. `npm run test:unit`: only
// what needs neither. Further arguments go to ava. The last line is "N passed, N failed".

import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { type FinalResults, Parser, type Result } from "tap-parser";
import { toolPath } from "./environment.ts";
import { root } from "./folders.ts";
import { type RunningKeycloak, startKeycloak, stopKeycloak } from "./keycloak.ts";
import { endProcesses, listProcesses } from "./processes.ts";
import { engineSteps, failWith, runSteps } from "./steps.ts";

const given = process.argv.slice(2);
const unit = given.includes("--unit");
const avaArguments = given.filter((argument) => argument !== "--unit");
const unitFiles = ["test/unit/**/*.test.ts", "components/**/*.test.ts"];

// Every process of this run carries this, and so it is found again, whatever became of those that started it.
const mark = `KEYCLOAK_APISIX_TEST_RUN=${randomUUID()}`;
const bin = (name: string) => path.join(root, "node_modules", ".bin", name);

const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => abort.abort(new Error("Stopped.")));

const counts = { passed: 0, failed: 0 };
// Tests keep their files here. The system's own name for it, since programs compare paths.
const folder = await realpath(await mkdtemp(path.join(tmpdir(), "keycloak-apisix-")));
const keycloakHome = path.join(folder, "keycloak");
try {
  const environment = await testEnvironment();
  if (!unit) {
    const password = randomBytes(12).toString("hex");
    let keycloak: RunningKeycloak | undefined;
    await runSteps([
      { title: "Lint", task: lint },
      ...engineSteps,
      {
        title: "Keycloak",
        task: async (_, task) => {
          keycloak = await startKeycloak({
            home: keycloakHome,
            adminUser: "admin",
            adminPassword: password,
            env: marked(),
            report: (line) => {
              task.output = line;
            },
            signal: abort.signal,
          });
        },
      },
    ]);
    Object.assign(environment, { TEST_KEYCLOAK_URL: keycloak?.url, TEST_KEYCLOAK_PASSWORD: password });
  }
  abort.signal.throwIfAborted();
  await runTests(environment);
} catch (error) {
  counts.failed += 1;
  failWith(error);
} finally {
  await stopKeycloak(keycloakHome);
  const left = await endProcesses(async () => {
    const all = await listProcesses(true);
    return all.filter(({ pid, command }) => pid !== process.pid && command.includes(mark));
  });
  if (left > 0) console.log(`Ended ${left} processes that the tests had left running.`);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}
if (counts.failed > 0) process.exitCode = abort.signal.aborted ? 130 : 1;
console.log(`${counts.passed} passed, ${counts.failed} failed`);

function marked() {
  const [name = "", value = ""] = mark.split("=");
  return { [name]: value };
}

/** The caller's own Keycloak, stacks and state are no business of the tests. */
async function testEnvironment(): Promise<Record<string, string | undefined>> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => name === "PULUMI_HOME" || !/^(PULUMI|KEYCLOAK|TEST_KEYCLOAK)_/.test(name),
  );
  return {
    ...Object.fromEntries(inherited),
    ...marked(),
    PATH: await toolPath(),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    TMPDIR: folder,
    FORCE_COLOR: "0",
  };
}

async function lint() {
  for (const [name, ...args] of [["biome", "check", "."], ["tsc"]] as const) {
    const { failed, all } = await execa(bin(name), args, {
      cwd: root,
      all: true,
      reject: false,
      stdin: "ignore",
    });
    if (failed) throw new Error(`${name} is not satisfied:\n${all}`);
  }
}

/** Runs ava and counts what it reports. A run that breaks off, or runs nothing, has failed whatever it reported. */
async function runTests(environment: Record<string, string | undefined>) {
  const parser = new Parser();
  parser.on("assert", (result: Result) => {
    if (result.skip || result.todo) return console.log(`- ${result.name}`);
    counts[result.ok ? "passed" : "failed"] += 1;
    console.log(`${result.ok ? "✔" : "✖"} ${result.name}`);
    if (!result.ok) console.log(describe(result.diag));
  });
  parser.on("comment", (comment: string) => {
    // Each test's name comes again as a comment; what else ava has to say counts.
    if (/uncaught|unhandled|timed out|exited|no tests|couldn.t find|failed/i.test(comment))
      console.log(comment.trim());
  });
  parser.on("extra", (text: string) => process.stdout.write(text));
  const finished = new Promise<FinalResults>((resolve) => parser.on("complete", resolve));

  const files = unit ? unitFiles : [];
  const child = execa(bin("ava"), ["--tap", ...files, ...avaArguments], {
    cwd: root,
    env: environment,
    extendEnv: false,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    buffer: false,
    reject: false,
    cancelSignal: abort.signal,
  });
  child.stdout.pipe(parser);
  const { exitCode } = await child;
  await finished;
  abort.signal.throwIfAborted();
  if (counts.passed + counts.failed === 0) throw new Error("No test was run.");
  if (exitCode !== 0 && counts.failed === 0) throw new Error(`ava ended with exit code ${exitCode}.`);
}

/** What ava says about a failure. */
function describe(diagnosis: unknown): string {
  if (diagnosis === null || typeof diagnosis !== "object") return "";
  const text = Object.entries(diagnosis).map(([key, value]) => {
    const shown = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    return `${key}: ${shown.trim()}`;
  });
  return text.join("\n").replace(/^/gm, "    ");
}
