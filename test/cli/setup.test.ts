// `npm run setup`, the way an operator runs it: from an administrator's password to a production stack, and back.
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { server, TestAdmin, TestRealm } from "../../rig/keycloak/realm.ts";
import { copyClone } from "../../rig/machine/clone.ts";
import { exists } from "../../rig/machine/folders.ts";
import { TestProject, withoutKeycloak } from "../../rig/pulumi/project.ts";
import { makeAuthority } from "../../rig/servers/authority.ts";
import { sameRealm, succeeded, withoutMarks } from "../support/given.ts";
import { filesIn, inTheClear } from "../support/secrets.ts";
import { tlsProxy } from "../support/tls.ts";

const random = randomBytes(6).toString("hex");
const secrets = {
  "the administrator's password": `adm1n/S3cret+&=%${random}`,
  "the customer's": `cu5tomer/S3cret+&=%${random}`,
};
const customer = { KEYCLOAK_PASSWORD_CUSTOMER: secrets["the customer's"] };
const roles = {
  pulumi: ["manage-clients", "manage-realm", "manage-users"],
  "pulumi-reader": server.isFrom("22.0.0")
    ? ["view-clients", "view-realm", "view-users"]
    : ["manage-users", "view-clients", "view-realm"],
};

/** A realm, a clone without any account, and an administrator. */
async function beginning(t: ExecutionContext) {
  const realm = await TestRealm.create({ eventsEnabled: true });
  t.teardown(() => realm.delete());
  const admin = await TestAdmin.create(secrets["the administrator's password"]);
  t.teardown(() => admin.delete());
  const project = await TestProject.create({ install: copyClone, env: withoutKeycloak });
  t.teardown(() => project.delete());
  const credentials = {
    KEYCLOAK_USER: admin.username,
    KEYCLOAK_PASSWORD: secrets["the administrator's password"],
  };
  const asAdmin = project.with({ ...credentials, ...customer });
  const common = ["production", "--keycloak", server.address, "--realm", realm.name];
  const setup = (...more: string[]) => asAdmin.script("dev/setup.ts", ...common, ...more);
  return { realm, admin, project, asAdmin, common, setup };
}

/** A command as it was printed, in a shell of the operator's. */
async function shell(project: TestProject, command: string) {
  const env = { ...process.env, ...project.env, PULUMI_SKIP_CONFIRMATIONS: "true" };
  const others = Object.entries(env).filter(([name]) => !name.startsWith("npm_"));
  const options = { cwd: project.folder, extendEnv: false, shell: true, all: true, reject: false } as const;
  const result = await execa(command, { ...options, env: Object.fromEntries(others), stdin: "ignore" });
  return { exitCode: result.exitCode ?? -1, output: result.all };
}

function printed(output: string, command: string): string {
  const line = output.split("\n").find((each) => each.startsWith("  ") && each.includes(command));
  if (!line) throw new Error(`'${command}' is not printed:\n${output}`);
  return line.trim();
}

async function rolesOf(realm: TestRealm, clientId: string): Promise<string[]> {
  const [{ id }, management] = await Promise.all([realm.client(clientId), realm.client("realm-management")]);
  const user = await realm.admin("GET", `/clients/${id}/service-account-user`);
  const mapped: { name: string }[] = await realm.admin(
    "GET",
    `/users/${user.id}/role-mappings/clients/${management.id}`,
  );
  return mapped.map(({ name }) => name).toSorted();
}

test("one command makes accounts and stack, the printed ones go on from there, and all of it is taken back", async (t) => {
  const { realm, admin, project, setup } = await beginning(t);
  const look = async () => withoutMarks(await realm.snapshot());
  const stackFile = path.join(project.folder, "Pulumi.production.yaml");
  const before = await look();

  const planned = await setup("--reader", "--dry-run");
  succeeded(t, planned);
  t.is(planned.output.match(/would create/g)?.length, 3, planned.output);
  sameRealm(t, await look(), before);
  t.false(await exists(stackFile));

  const made = await setup("--reader");
  succeeded(t, made);
  t.regex(made.output, /plan +: "create"/);
  t.is(await realm.user(), undefined, "the realm itself is changed by up");
  t.deepEqual(await rolesOf(realm, "pulumi"), roles.pulumi);
  t.deepEqual(await rolesOf(realm, "pulumi-reader"), roles["pulumi-reader"]);
  t.regex(await readFile(stackFile, "utf8"), /customerPassword:\n +secure: /);
  const writers = path.join(project.folder, ".local", "accounts", "production", "pulumi.env");
  t.is((await stat(writers)).mode & 0o777, 0o600);
  const { secret } = await realm.client("pulumi");
  t.true((await readFile(writers, "utf8")).includes(secret));
  t.is(await admin.sessions(), 0);

  const again = await setup("--reader");
  succeeded(t, again);
  t.is(again.output.match(/is there/g)?.length, 3, again.output);
  t.is((await realm.client("pulumi")).secret, secret);

  // What it lost is made again.
  await realm.admin("PUT", `/clients/${(await realm.client("pulumi")).id}`, {
    ...(await realm.client("pulumi")),
    secret: "another one",
  });
  const mended = await setup();
  succeeded(t, mended);
  t.regex(mended.output, /completed +client pulumi /);

  await realm.admin("DELETE", "/events");
  succeeded(t, await shell(project, printed(made.output, "npm run pulumi -- up")));
  const values = printed(made.output, "cx-values");
  const file = path.join(project.folder, values.split(" ").at(-1) ?? "");
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(
    file,
    `apisixStandalone:
  routes:
    - id: ccm
      uris: ["/ccm/*"]
      plugins:
        # openid-connect:
        #   realm: "${realm.name}"
        #   client_id: "cim"
        proxy-rewrite: {}
`,
  );
  const secured = await shell(project, values);
  succeeded(t, secured);
  t.regex(await readFile(file, "utf8"), /^ +client_secret: "?the-clients-secret/m);
  succeeded(t, await shell(project, printed(made.output, "npm run drift")));
  const logins: { clientId: string }[] = await realm.admin("GET", "/events?type=CLIENT_LOGIN&max=1000");
  t.deepEqual([...new Set(logins.map(({ clientId }) => clientId))].toSorted(), ["pulumi", "pulumi-reader"]);

  const undo = printed(made.output, "--undo");
  t.regex(undo, /^npm run setup -- production /);
  const early = await setup("--undo");
  t.is(early.exitCode, 1, early.output);
  t.truthy(await realm.client("pulumi"), "nothing is taken back yet");
  succeeded(t, await shell(project, printed(early.output, "destroy")));
  const undone = await setup("--undo");
  succeeded(t, undone);
  t.is(undone.output.match(/removed/g)?.length, 3, undone.output);
  sameRealm(t, await look(), before);
  t.false(await exists(stackFile));
  t.false(await exists(writers));
  t.is((await project.pulumi("stack", "ls", "--json")).stdout.trim(), "[]");
  const nothing = await setup("--undo");
  succeeded(t, nothing);
  t.is(nothing.output.match(/is not there/g)?.length, 3, nothing.output);

  const outputs = { planned, made, again, mended, early, undone };
  const texts = Object.entries(outputs).map(([name, { output }]): [string, string] => [name, output]);
  t.deepEqual(inTheClear(secrets, [...texts, ...(await filesIn(project.folder))]), []);
});

test("a private authority's certificate is given once, and kept in the stack's file", async (t) => {
  const { realm, project, asAdmin } = await beginning(t);
  const authority = await makeAuthority();
  const address = `${await tlsProxy(t, authority)}${server.basePath}`;
  // npm says where the operator is.
  const here = asAdmin.with({ INIT_CWD: project.folder });
  const setup = (...more: string[]) =>
    here.script("dev/setup.ts", "production", "--keycloak", address, "--realm", realm.name, ...more);
  const unknown = await setup("--dry-run");
  t.is(unknown.exitCode, 1);
  t.regex(unknown.output, /unknown authority/);
  const ca = ["--ca", path.relative(project.folder, authority.certificateFile)];
  succeeded(t, await setup(...ca));
  const again = await setup(...ca);
  succeeded(t, again);
  t.is(again.output.match(/is there/g)?.length, 2, again.output);
  const undone = await setup(...ca, "--undo");
  succeeded(t, undone);
  t.is(undone.output.match(/removed/g)?.length, 2, undone.output);
  t.false(await exists(path.join(project.folder, "Pulumi.production.yaml")));
});

test("what others made stays as it is, and nothing else is made beside it", async (t) => {
  const { realm, project, setup } = await beginning(t);
  await realm.admin("POST", "/clients", { clientId: "pulumi", serviceAccountsEnabled: true });
  const before = await realm.snapshot();
  for (const more of [[], ["--dry-run"]]) {
    const refused = await setup(...more);
    t.is(refused.exitCode, 1, refused.output);
    t.regex(refused.output, /Client 'pulumi' is in realm .* was not made by 'npm run setup'/);
  }
  const undone = await setup("--undo");
  succeeded(t, undone);
  t.regex(undone.output, /stays +client pulumi,.* not made from this clone/);
  sameRealm(t, await realm.snapshot(), before);
  await realm.admin("DELETE", `/clients/${(await realm.client("pulumi")).id}`);

  const stack = await project.stack("production", { "keycloak:url": "https://cx.example.com" });
  const other = await setup();
  t.is(other.exitCode, 1, other.output);
  t.regex(other.output, /Stack production is there already, and its keycloak:url is not http/);
  t.is(await realm.client("pulumi"), undefined);
  succeeded(t, await stack.run("stack", "rm", "--yes"));
});

test("another clone takes nothing back that this one made, nor a stack that was made by hand", async (t) => {
  const { realm, project, asAdmin, common, setup } = await beginning(t);
  succeeded(t, await setup());
  const record = path.join(project.folder, ".local", "accounts", "production", "setup.json");
  t.is((await stat(record)).mode & 0o777, 0o600);
  t.is((await project.pulumi("stack", "ls", "--json")).stdout.includes('"current": true'), false);
  // The other clone sees the same state and the same stack file, but has not made them.
  const text = await readFile(record, "utf8");
  await rm(record);
  const elsewhere = await setup("--undo");
  succeeded(t, elsewhere);
  t.is(elsewhere.output.match(/stays/g)?.length, 2, elsewhere.output);
  t.truthy(await realm.client("pulumi"));
  t.true(await exists(path.join(project.folder, "Pulumi.production.yaml")));
  t.is((await setup()).exitCode, 1);
  await writeFile(record, text);
  const state = path.join(project.folder, "other-state");
  await mkdir(state);
  const otherState = asAdmin.with({ PULUMI_BACKEND_URL: `file://${state}` });
  const lost = await otherState.script("dev/setup.ts", ...common, "--undo");
  t.is(lost.exitCode, 1, lost.output);
  t.regex(lost.output, /was set up in another state backend/);
  succeeded(t, await setup("--undo"));
  t.is(await realm.client("pulumi"), undefined);
  t.false(await exists(record));
});

test("what is missing or wrong is told in a sentence, before anything is made", async (t) => {
  const { realm, project, asAdmin, common } = await beginning(t);
  const refused = async (by: TestProject, args: string[], words: RegExp) => {
    const { exitCode, output } = await by.script("dev/setup.ts", ...args);
    t.is(exitCode, 1, output);
    t.regex(output, words);
    t.notRegex(output, /\n\s+at /);
  };
  // What npm passes on from `npm run setup production --keycloak … --realm …`.
  await refused(asAdmin, ["production", server.address, realm.name], /put options after '--'/);
  await refused(asAdmin, ["production", "--keycloak", server.address], /--realm is missing\.\nnpm run setup/);
  await refused(asAdmin, ["--nope"], /Unknown option '--nope'.*npm run setup -- STACK/s);
  await refused(asAdmin, ["production", "--keycloak", "cx.example.com", "--realm", "x"], /not an address/);
  await refused(asAdmin, ["dev", ...common.slice(1)], /Stack dev belongs to 'npm start'/);
  await refused(asAdmin, [...common, "--ca", "nope.pem"], /--ca: .*nope\.pem cannot be read/);
  await refused(project, common, /KEYCLOAK_USER is not set: set it, or run this in a terminal/);
  const nobody = asAdmin.with({ KEYCLOAK_PASSWORD: "wrong" });
  await refused(nobody, common, /admin '.*'.*Invalid user credentials/);
  await refused(asAdmin, [...common.slice(0, -1), "nope"], /Realm 'nope' is not on Keycloak/);
  const silent = asAdmin.with({ KEYCLOAK_PASSWORD_CUSTOMER: undefined });
  await refused(silent, common, /KEYCLOAK_PASSWORD_CUSTOMER is not set/);
  t.is(await realm.client("pulumi"), undefined);
  t.false(await exists(path.join(project.folder, "Pulumi.production.yaml")));
});
