// `npm run test:matrix`: runs the main path and random drift on every Keycloak that we support, one server at a time, and
// writes the results to docs/versions.md. With versions as arguments it runs only those, and leaves the file alone.

import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { cxKeycloakVersion, keycloakVersion } from "../rig/keycloak/server.ts";
import { root } from "../rig/machine/folders.ts";
import { keycloakPluginVersion } from "../rig/pulumi/engine.ts";
import { drift, throughTheCli } from "./matrix/main-path.ts";

/** One version of each release that operators still run: CX's, and the newest that Maven Central carries. */
const versions = [
  "18.0.2",
  cxKeycloakVersion,
  "20.0.5",
  "22.0.5",
  "24.0.5",
  "25.0.6",
  "26.0.8",
  "26.4.7",
  keycloakVersion,
];

interface Result {
  readonly version: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
}

const given = process.argv.slice(2);
const results: Result[] = [];
for (const version of given.length > 0 ? given : versions) {
  console.log(`\nKeycloak ${version}`);
  results.push(await run(version, results.length === 0));
}
const table = tableOf(results);
console.log(`\n${table}`);
if (given.length === 0) {
  await mkdir(path.join(root, "docs"), { recursive: true });
  await writeFile(path.join(root, "docs", "versions.md"), pageOf(table));
}
const total = (key: "passed" | "failed") => results.reduce((sum, result) => sum + result[key], 0);
if (total("failed") > 0) process.exitCode = 1;
console.log(`${total("passed")} passed, ${total("failed")} failed`);

async function run(version: string, lint: boolean): Promise<Result> {
  const start = Date.now();
  const script = path.join(import.meta.dirname, "test.ts");
  const args = [
    "--suite",
    "main-path",
    "--keycloak",
    version,
    ...(lint ? [] : ["--no-lint"]),
    "--concurrency=1",
  ];
  const { stdout } = await execa(process.execPath, [script, ...args], {
    cwd: root,
    stdin: "ignore",
    stdout: ["pipe", "inherit"],
    stderr: "inherit",
    reject: false,
  });
  const [, passed = "0", failed = "1"] = /(\d+) passed, (\d+) failed$/.exec(stdout.trim()) ?? [];
  const seconds = Math.round((Date.now() - start) / 1000);
  return { version, passed: Number(passed), failed: Number(failed), seconds };
}

function tableOf(all: readonly Result[]): string {
  const rows = all.map(
    ({ version, passed, failed, seconds }) =>
      `| ${version} | ${failed === 0 ? "passes" : "fails"} | ${passed} | ${failed} | ${seconds} s |`,
  );
  return [
    "| Keycloak | main path and drift | tests passed | failed | took |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function pageOf(content: string): string {
  return `# Keycloak versions

Written by \`npm run test:matrix\` on ${new Date().toISOString().slice(0, 10)}. Each of these servers comes from Maven Central and starts with an
empty database. The main path runs through the real Pulumi CLI: a fresh realm is previewed, made ready and proven
with a token; a second run changes nothing; drift is shown in words and repaired; a realm configured by hand, all right or
all wrong, is adopted; \`ownRealm\` creates realm and client with the \`keycloak\` plugin ${keycloakPluginVersion}; and destroy leaves the
realm as it was found. Tests:
${throughTheCli.map((file) => `\`${file}\``).join(", ")}.
Then come ${drift.runs} combinations of drift on all five objects (\`${drift.file}\`). Each previews a clean realm before the
drift and, if the drift can be repaired, after it: more than ${drift.runs} previews per release that must not raise a false alarm.

${content}

CX ships 19.0.2. Maven Central has no 19.0.2, so ${cxKeycloakVersion} stands for it. Every \`npm test\`, and so every CI run, repeats its
row; all other tests run on ${keycloakVersion}.

"Took" includes the server's start on a machine that may be busy, so it is not a benchmark. To run one version, or any
other test on it: \`npm test -- --keycloak 24.0.5 test/cli/drift.test.ts\`.
`;
}
