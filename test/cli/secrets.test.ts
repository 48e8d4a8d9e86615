// Secrets stand nowhere in the clear: not in the state, its backups and history, not in what the CLI prints, not
// in a file that a command leaves, not where something fails.
import { readdir, readFile, readlink } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { changeClient, changeUser, resetPassword } from "../support/by-hand.ts";
import { given, succeeded } from "../support/given.ts";
import { TestAdmin } from "../support/keycloak.ts";
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
  test.serial(`no secret is found anywhere, with the admin's credentials in the ${where}`, async (t) => {
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
    const temporary = path.join(project.folder, "tmp");
    const { mkdir } = await import("node:fs/promises");
    await mkdir(temporary);
    const here = stack.with({ TMPDIR: temporary });
    const printed: string[] = [];
    const note = async (result: Promise<{ output: string; exitCode: number }>) => {
      const { output, exitCode } = await result;
      printed.push(output);
      return { output, exitCode };
    };

    await note(here.preview("--diff"));
    // `up --json` is left out: it prints what Pulumi's SDK tells of itself when debugging, secret outputs included.
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

    const texts = new Map(printed.map((text, index) => [`output ${index}`, text]));
    for (const [file, text] of await filesIn(project.folder)) texts.set(file, text);
    t.true([...texts.keys()].some((name) => /history/.test(name)));
    t.true([...texts.keys()].some((name) => /\.bak$/.test(name)));
    t.deepEqual(inTheClear(secrets, texts), []);
  });
}

/** Command lines of processes at work in the folder; where there is no /proc, none are seen. */
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
