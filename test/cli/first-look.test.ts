// What `npm start` ends with: the commands under "Try next" run as they are printed, show something, and end where they
// began. In a clone of its own, with that clone's own Keycloak.
import { mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { execa } from "execa";
import { withoutPasswords } from "../../rig/keycloak/by-hand.ts";
import { TestRealm } from "../../rig/keycloak/realm.ts";
import { copyClone } from "../../rig/machine/clone.ts";
import { root } from "../../rig/machine/folders.ts";
import { neutralEnvironment } from "../../rig/pulumi/environment.ts";
import { sameRealm, withoutMarks } from "../support/given.ts";

/** Like a user's shell: without what npm and the test run have set, apart from the mark by which the run finds its processes. */
function environment(): Record<string, string | undefined> {
  const others = Object.entries(neutralEnvironment()).filter(([name]) => !name.startsWith("npm_"));
  const { KEYCLOAK_APISIX_TEST_RUN } = process.env;
  return { ...Object.fromEntries(others), KEYCLOAK_APISIX_TEST_RUN };
}

test("npm start never means another server, whatever the shell has set", async (t) => {
  for (const name of ["KEYCLOAK_URL", "KEYCLOAK_CLIENT_SECRET", "KEYCLOAK_JWT_TOKEN_FILE"]) {
    const env = { ...environment(), [name]: "https://cx.example.com" };
    const options = { cwd: root, env, extendEnv: false, all: true, reject: false } as const;
    const { exitCode, all } = await execa("npm", ["start"], options);
    t.is(exitCode, 1, all);
    t.regex(all, new RegExp(`${name} is set.*unset ${name}.*\\n  npm run setup -- .*https://cx.example.com`));
    t.notRegex(all, /Keycloak at|pulumi up/);
  }
});

test("after npm start there is something to see, and each printed command runs as printed", async (t) => {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), "first-look-")));
  await copyClone(folder);
  const run = async (command: string) => {
    const env = environment();
    const options = { cwd: folder, env, extendEnv: false, shell: true, all: true, reject: false } as const;
    const { exitCode, all } = await execa(command, { ...options, stdin: "ignore" });
    return { exitCode, output: all };
  };
  t.teardown(async () => {
    await run("npm stop");
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  });
  const stackFile = () => readFile(path.join(folder, "Pulumi.dev.yaml"), "utf8");
  const tracked = await stackFile();

  const started = await run("npm start");
  t.is(started.exitCode, 0, started.output);
  const printed = (name: string) => {
    const found = new RegExp(`^  ${name} +(.+)$`, "m").exec(started.output)?.[1];
    if (found === undefined) throw new Error(`No '${name}' in:\n${started.output}`);
    return found;
  };
  t.notRegex(started.output, /\d+ warnings?\b/);

  const console = printed("console");
  t.is((await fetch(console)).status, 200);
  const password = await run(/^ +(cat .*)$/m.exec(started.output)?.[1] ?? "");
  t.is(password.exitCode, 0);
  t.false(started.output.includes(password.output));
  process.env.TEST_KEYCLOAK_URL = new URL(console).origin;
  process.env.TEST_KEYCLOAK_PASSWORD = password.output;
  const realm = new TestRealm(/#\/(.+)$/.exec(console)?.[1] ?? "");
  const look = async () => withoutMarks(withoutPasswords(await realm.snapshot()));
  const before = await look();

  const broken = await run(printed("break"));
  t.is(broken.exitCode, 0, broken.output);
  const drifted = await run(printed("see it"));
  t.is(drifted.exitCode, 2, drifted.output);
  t.regex(drifted.output, /enabled: false, should be true/);
  t.regex(drifted.output, /password: reset on .* outside this stack/);
  const repaired = await run(printed("repair"));
  t.is(repaired.exitCode, 0, repaired.output);
  const clean = await run(printed("see it"));
  t.is(clean.exitCode, 0, clean.output);
  sameRealm(t, await look(), before);
  t.regex(repaired.output, /token +verified/);

  const stopped = await run(printed("stop"));
  t.regex(stopped.output, /Keycloak is stopped/);
  const nothing = await run(printed("break"));
  t.is(nothing.exitCode, 1);
  t.regex(nothing.output, /is not running: start it with 'npm start'/);
  t.is(await stackFile(), tracked, "no tracked file is changed");
});
