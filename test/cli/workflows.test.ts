// GitHub's workflows, here as far as anything can be tried without GitHub: actionlint reads them, and a release's first step runs.
import { globSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { execa } from "execa";
import { parse } from "yaml";
import { copyClone } from "../../rig/machine/clone.ts";
import { root } from "../../rig/machine/folders.ts";
import { npm } from "../../rig/packages/npm.ts";

/** Path of the program; undefined without Go to build it. */
const actionlint = process.env.TEST_ACTIONLINT;
const own = globSync(".github/workflows/*.yml", { cwd: root });
/** What others copy. */
const forOthers = globSync("template/.github/workflows/*.yml", { cwd: root });

(actionlint ? test : test.skip)("actionlint has nothing to say about any workflow", async (t) => {
  t.true(own.length >= 2);
  const lint = (input: string, ...args: string[]) =>
    // Without what may or may not be installed here.
    execa(`${actionlint}`, ["-shellcheck=", "-pyflakes=", ...args], {
      cwd: root,
      input,
      all: true,
      reject: false,
    });
  t.is((await lint("", ...own, ...forOthers)).all, "");
  const page = await readFile(path.join(root, "docs", "drift.md"), "utf8");
  const [, printed = ""] = /^```yaml\n(name: drift\n[\s\S]*?)^```/m.exec(page) ?? [];
  t.is((await lint(printed, "-")).all, "");
  t.regex((await lint(printed.replace("steps:", "step:"), "-")).all, /unexpected key "step"/);
});

test("our workflows run actions of a known commit", async (t) => {
  for (const file of own) {
    const uses = (await readFile(path.join(root, file), "utf8")).matchAll(/uses: (.*)/g);
    for (const [, action = ""] of uses)
      t.regex(action, /^(\.\/.*|[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/, file);
  }
});

test("a release starts only if tag, version, changelog and address fit together", async (t) => {
  const folder = path.join(await mkdtemp(path.join(tmpdir(), "keycloak-apisix-release-")), "repository");
  await copyClone(folder);
  const { version } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
  const address = (host: string) =>
    npm(folder, "pkg", "set", `repository.url=git+https://${host}/owner/keycloak-apisix.git`);
  const { jobs } = parse(await readFile(path.join(root, ".github/workflows/release.yml"), "utf8"));
  const command: string = jobs.package.steps.find(({ run }: { run?: string }) => run).run;
  const start = (tag: string) =>
    execa(command, {
      shell: "bash",
      cwd: folder,
      env: { GITHUB_REF_NAME: tag },
      all: true,
      reject: false,
      stdin: "ignore",
    });
  const changelog = path.join(folder, "CHANGELOG.md");
  await writeFile(changelog, `## [Unreleased]\n\n## [${version}] - 2026-12-24\n\n- Something.\n`);
  await address("example.com");
  t.is((await start(`v${version}`)).all, "");
  t.is(await readFile(path.join(folder, "notes.md"), "utf8"), "- Something.\n");

  for (const [tag, make, message] of [
    ["v0.0.0", () => {}, /Tag 'v0\.0\.0' is not that of package\.json's version/],
    [`v${version}`, () => address("repository.invalid"), /still the placeholder/],
    [`v${version}`, () => writeFile(changelog, "## [Unreleased]\n"), /CHANGELOG\.md has no section for/],
  ] as const) {
    await make();
    const { exitCode, all } = await start(tag);
    t.is(exitCode, 1, all);
    t.regex(all, message);
  }
});
