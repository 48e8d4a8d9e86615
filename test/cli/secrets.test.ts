// No secret appears in the clear: not in the state, its backups or history, not in what the CLI prints or logs, not in a
// process's arguments, not in a file that a command leaves, even if the command fails or is killed.
import { mkdir, readdir, readFile, readlink, stat } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { changeClient, changeUser, resetPassword } from "../../rig/keycloak/by-hand.ts";
import { TestAdmin } from "../../rig/keycloak/realm.ts";
import { pulumiHome } from "../../rig/machine/folders.ts";
import { given, succeeded } from "../support/given.ts";
import { DoomedUp } from "../support/kill.ts";
import { filesIn, inTheClear } from "../support/secrets.ts";

const secrets = {
  "the customer's password": "cu5tomer/S3cret+&=%",
  "the next customer's password": "n3xt-S3cret+/&=%",
  "the admin's password": "adm1n/S3cret+&=%",
  "the client's secret": "cl1ent/S3cret+&=%",
};
const {
  "the customer's password": customerPassword,
  "the admin's password": adminPassword,
  "the client's secret": secret,
} = secrets;

for (const where of ["environment", "config"] as const) {
  test.serial(`no secret leaks anywhere, with the admin's credentials in the ${where}`, async (t) => {
    const admin = await TestAdmin.create(adminPassword);
    t.teardown(() => admin.delete());
    const inConfig = where === "config";
    const { realm, project, stack } = await given(t, {
      client: { secret },
      env: {
        KEYCLOAK_USER: inConfig ? undefined : admin.username,
        KEYCLOAK_PASSWORD: inConfig ? undefined : adminPassword,
      },
      config: {
        customerPassword,
        ...(inConfig && { "keycloak:username": admin.username, "keycloak:password": adminPassword }),
      },
    });
    const start = Date.now();
    const temporary = path.join(project.folder, "tmp");
    await mkdir(temporary);
    const here = stack.with({ TMPDIR: temporary });
    const texts = new Map<string, string>();
    const note = async (result: Promise<{ output: string; exitCode: number }>) => {
      let done = false;
      const ended = result.finally(() => {
        done = true;
      });
      while (!done) {
        for (const command of await running(project.folder)) texts.set(`arguments: ${command}`, command);
        await Promise.race([ended, sleep(100)]);
      }
      const { output, exitCode } = await result;
      texts.set(`output ${texts.size}`, output);
      return { output, exitCode };
    };
    const keepFiles = async (when: string) => {
      for (const [file, text] of await filesIn(project.folder)) texts.set(`${file}, ${when}`, text);
    };

    const doomed = new DoomedUp(here);
    const user = await Promise.race([doomed.end(60_000), soon(() => realm.user("customer"), 60_000)]);
    t.truthy(user, `killed before its end: ${doomed.output}`);
    t.true((await doomed.kill("everything")) > 0, doomed.output);
    texts.set("output of the killed up", doomed.output);
    await keepFiles("killed");
    await note(here.unlock());

    await note(here.preview("--diff"));
    // Not `up --json`: it prints the debugging output of Pulumi's SDK, which includes secret outputs.
    succeeded(t, await note(here.up("--diff", "--show-reads", "--show-sames")));
    await resetPassword(realm, secrets["the next customer's password"]);
    await changeUser(realm, { enabled: false });
    await note(here.preview("--diff"));
    await note(here.preview("--json"));
    await note(here.run("refresh", "--yes", "--diff", "--skip-preview"));
    await here.set("customerPassword", secrets["the next customer's password"]);
    await changeClient(realm, { directAccessGrantsEnabled: false });
    const failed = await note(here.up("--diff"));
    t.not(failed.exitCode, 0, failed.output);
    await note(here.run("stack", "--show-ids"));
    await note(here.run("stack", "output", "--json"));
    t.deepEqual(await running(project.folder), [], "no process is left behind");
    await changeClient(realm, { directAccessGrantsEnabled: true });
    succeeded(t, await note(here.destroy("--diff")));

    await keepFiles("at the end");
    for (const [file, text] of await logsSince(start)) texts.set(file, text);
    const kinds = [/history/, /\.bak,/, /^arguments: .*dynamic-provider/, /\.log$/, /, killed$/];
    for (const kind of kinds)
      t.true(
        [...texts.keys()].some((name) => kind.test(name)),
        `${kind}`,
      );
    t.deepEqual(inTheClear(secrets, texts), []);
  });
}

/** Waits up to so many milliseconds for a value. */
async function soon<T>(find: () => Promise<T | undefined>, milliseconds: number): Promise<T | undefined> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const found = await find();
    if (found || Date.now() > end) return found;
    await sleep(20);
  }
}

/** The CLI's own log files since then, of every stack. Commands of other tests may remove theirs in the meantime. */
async function logsSince(start: number): Promise<[string, string][]> {
  const folder = path.join(pulumiHome, "logs");
  const logs = await Promise.all(
    (await readdir(folder)).map(async (name): Promise<[string, string] | undefined> => {
      const file = path.join(folder, name);
      const at = await stat(file).catch(() => undefined);
      if (!at || at.mtimeMs < start) return undefined;
      const text = await readFile(file, "latin1").catch(() => undefined);
      return text === undefined ? undefined : [file, text];
    }),
  );
  return logs.filter((log) => log !== undefined);
}

/** Command lines of the processes that work in the folder. Without /proc there are none. */
async function running(folder: string): Promise<string[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(
    pids.map(async (pid) => {
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => "");
      return cwd.startsWith(folder) ? readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "") : "";
    }),
  );
  return all.filter((command) => command !== "");
}
