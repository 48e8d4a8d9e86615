// The documented way to a production stack, step by step: on a Keycloak in production mode with a private authority and
// two nodes, with the state in PostgreSQL and in files.
import { copyFile, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import ava, { type ExecutionContext } from "ava";
import { execa } from "execa";
import {
  changeMapper,
  changeUser,
  doByHand,
  resetPassword,
  unmapRoles,
  withoutPasswords,
} from "../../rig/keycloak/by-hand.ts";
import { Cluster } from "../../rig/keycloak/cluster.ts";
import { TestRealm } from "../../rig/keycloak/realm.ts";
import { ensureKeycloakDistribution } from "../../rig/keycloak/server.ts";
import { root } from "../../rig/machine/folders.ts";
import { TestProject, type TestStack, withoutKeycloak } from "../../rig/pulumi/project.ts";
import { type Authority, makeAuthority } from "../../rig/servers/authority.ts";
import { Postgres } from "../../rig/servers/postgres.ts";
import { sameRealm, succeeded, warnings } from "../support/given.ts";
import { filesIn, inTheClear } from "../support/secrets.ts";

// Takes the whole machine for minutes, so it runs only on request.
const wanted = process.env.TEST_PRODUCTION !== undefined;
const test = wanted ? ava.serial : ava.serial.skip;

const limit = 20 * 60_000;
const customerPassword = "cu5tomer/S3cret+&=%";
const passphrase = "pa55phrase/S3cret+&=%";
const bootstrap = { username: "admin", password: "b00tstrap/S3cret+&=%" };
const accounts = {
  pulumi: ["manage-users", "manage-clients", "manage-realm"],
  "pulumi-reader": ["view-users", "view-clients", "view-realm"],
};

let authority: Authority;
let postgres: Postgres;
let cluster: Cluster;
/** What a user keeps outside the clone: the passphrase, kcadm's login. */
let home: string;
let kcadmProgram: string;

ava.before(async (t) => {
  if (!wanted) return;
  t.timeout(limit);
  authority = await makeAuthority();
  // For the test's own requests. The program under test gets everything from its config.
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), authority.certificate]);
  postgres = await Postgres.start(authority);
  cluster = await Cluster.create(authority);
  await cluster.start(postgres, bootstrap);
  process.env.TEST_KEYCLOAK_URL = cluster.url;
  process.env.TEST_KEYCLOAK_PASSWORD = bootstrap.password;
  home = await mkdtemp(path.join(tmpdir(), "home-"));
  await writeFile(path.join(home, "passphrase"), passphrase, { mode: 0o600 });
  kcadmProgram = path.join(await ensureKeycloakDistribution(), "bin", "kcadm.sh");
  const truststore = path.join(home, "cx-ca.p12");
  await execa("keytool", [
    ..."-importcert -noprompt -alias cx -storepass changeit".split(" "),
    ...["-file", authority.certificateFile, "-keystore", truststore],
  ]);
  await kcadm("config", "truststore", "--trustpass", "changeit", truststore);
});
ava.after.always(async () => {
  await cluster?.stop();
  await postgres?.stop();
});

async function kcadm(...args: string[]): Promise<string> {
  const { stdout } = await execa(kcadmProgram, args, {
    stdin: "ignore",
    env: { KC_OPTS: `-Duser.home=${home}`, KC_CLI_PASSWORD: bootstrap.password },
  });
  return stdout;
}

/** Creates a service account with the documented commands: in `realm`, with rights on these clients. */
async function makeServiceAccount(
  realm: string,
  managements: readonly string[],
  clientId: keyof typeof accounts = "pulumi",
) {
  await kcadm(..."config credentials --realm master --user admin --server".split(" "), `${cluster.url}/auth`);
  await kcadm(
    ...["create", "clients", "-r", realm],
    ...["-s", `clientId=${clientId}`],
    ..."-s publicClient=false -s serviceAccountsEnabled=true -s standardFlowEnabled=false".split(" "),
  );
  for (const management of managements) {
    await kcadm(
      ...["add-roles", "-r", realm, "--uusername", `service-account-${clientId}`, "--cclientid", management],
      ...accounts[clientId].flatMap((role) => ["--rolename", role]),
    );
  }
  const secret = await kcadm(
    ...["get", "clients", "-r", realm, "-q", `clientId=${clientId}`],
    ..."--fields secret --format csv --noquotes".split(" "),
  );
  return { KEYCLOAK_CLIENT_ID: clientId, KEYCLOAK_CLIENT_SECRET: secret };
}

/** A user's clone: the environment has the state's address and the passphrase, later also the account. */
async function checkout(t: ExecutionContext, backend: Record<string, string>): Promise<TestProject> {
  const project = await TestProject.create({
    env: {
      PULUMI_CONFIG_PASSPHRASE: undefined,
      PULUMI_CONFIG_PASSPHRASE_FILE: path.join(home, "passphrase"),
      ...withoutKeycloak,
      ...backend,
    },
  });
  t.teardown(() => project.delete());
  return project;
}

const fileOf = ({ project, name }: TestStack) => path.join(project.folder, `Pulumi.${name}.yaml`);

/** Writes the stack's file after the example, and sets the customer's password. */
async function configure(stack: TestStack): Promise<void> {
  const example = await readFile(path.join(root, "examples", "Pulumi.production.yaml"), "utf8");
  const adapted = example
    .replace("https://cx.example.com", cluster.url)
    // The address inside the cluster, past the proxy.
    .replace("http://keycloak.ef-external.svc", `${cluster.nodes[0]?.url}`);
  await writeFile(fileOf(stack), adapted + (await readFile(fileOf(stack), "utf8")));
  const set = (input: string, ...args: string[]) =>
    stack.project.pulumiReading(input, "config", "set", "--stack", stack.name, ...args);
  await set(authority.certificate, "keycloak:rootCaCertificate");
  await set(customerPassword, "--secret", "keycloak-apisix:customerPassword");
}

test("two nodes form a cluster, and the proxy sends consecutive requests to different nodes", async (t) => {
  for (const { logFile } of cluster.nodes) {
    t.regex(await readFile(logFile, "utf8"), /ISPN00009[34]:.*\(2\)/);
  }
  t.is(await postgres.query("SELECT count(*) FROM jgroups_ping", "keycloak"), "2");
  const realm = await TestRealm.create();
  t.teardown(() => realm.delete());
  const before = cluster.nodes.map(({ served }) => served);
  await realm.admin("GET", "");
  await realm.admin("GET", "");
  t.deepEqual(
    cluster.nodes.map(({ served }) => served),
    before.map((served) => served + 1),
  );
});

for (const where of ["PostgreSQL", "files"] as const) {
  const several = where === "files";
  const title = `a production stack of ${several ? "two tenants" : "one realm"}, step by step, with its state in ${where}`;
  test(title, async (t) => {
    t.timeout(limit);
    const realm = await TestRealm.create({}, {}, "expertflow");
    t.teardown(() => realm.delete());
    const second = several ? await TestRealm.create({}, {}, "tenant-2") : undefined;
    if (second) {
      t.teardown(() => second.delete());
      await doByHand(second, customerPassword);
      await changeUser(second, { emailVerified: false });
    }

    // The state.
    const states = await mkdtemp(path.join(home, "state-"));
    const backend = several ? { PULUMI_BACKEND_URL: `file://${states}` } : await stateInPostgres();
    const project = await checkout(t, backend);

    // The service accounts: in the realm itself, or in realm master.
    const at = several ? "master" : "expertflow";
    const managements = several ? ["expertflow-realm", "tenant-2-realm"] : ["realm-management"];
    const account = await makeServiceAccount(at, managements);
    const reader = await makeServiceAccount(at, managements, "pulumi-reader");
    if (several) t.teardown(deleteAccountsOfMaster);
    await realm.noteWrites();
    const before = await Promise.all([realm.snapshot(), second?.snapshot()]);

    // The stack and its secrets.
    const stack = (await project.stack("production")).with(account);
    await configure(stack);
    if (several) {
      await stack.set("keycloak:realm", "master");
      await stack.setObject("tenants", [{ realm: "expertflow" }, { realm: "tenant-2" }]);
    }

    // The preview is a plan, and writes nothing.
    const plans = Object.fromEntries((await stack.forecast()).map(({ name, plan }) => [name, plan]));
    for (const child of ["audience", "role", "user", "password", "role-mappings"]) {
      t.is(plans[`expertflow-${child}`], "create", child);
      if (several) t.is(plans[`tenant-2-${child}`], "adopt", child);
    }
    t.regex((await stack.preview("--diff")).output, /plan +: "create"/);
    t.deepEqual(await realm.written(), []);

    // The up, with a verified token and the plugin's configuration for APISIX.
    const up = await stack.up();
    succeeded(t, up);
    t.deepEqual(warnings(up.output), []);
    const { enablements } = await stack.outputs();
    t.deepEqual(Object.keys(enablements), several ? ["expertflow", "tenant-2"] : ["expertflow"]);
    const { token, apisix } = enablements.expertflow;
    t.is(token.issuer, `${cluster.url}/auth/realms/expertflow`);
    t.true(token.audiences.includes("cim"), JSON.stringify(token));
    const plugin = apisix["openid-connect"];
    t.is(plugin.discovery.indexOf(`${cluster.nodes[0]?.url}/auth/realms/expertflow/`), 0, plugin.discovery);
    t.is(plugin.client_secret, "the-clients-secret");
    t.true(await realm.canLogIn(customerPassword));
    t.true(cluster.nodes.every(({ served }) => served > 20));

    // CI and a colleague's clone: nothing to do. Several times, because either node may answer a request.
    for (let i = 0; i < 3; i += 1) succeeded(t, await stack.preview("--expect-no-changes"));
    succeeded(t, await stack.up("--expect-no-changes"));
    const colleagues = await checkout(t, backend);
    await copyFile(fileOf(stack), path.join(colleagues.folder, "Pulumi.production.yaml"));
    const theirs = (await colleagues.stack("production")).with(account);
    succeeded(t, await theirs.preview("--expect-no-changes"));

    // One sees drift, the other repairs it.
    const enabled = withoutPasswords(await realm.snapshot());
    await changeMapper(realm, { "access.token.claim": "false" });
    await changeUser(realm, { enabled: false, emailVerified: false });
    await resetPassword(realm, "somebody's");
    await unmapRoles(realm, "offline_access");
    const nightly = await stack.with(reader).preview("--expect-no-changes");
    t.not(nightly.exitCode, 0, nightly.output);
    const drift = Object.fromEntries(
      (await stack.with(reader).forecast()).map((step) => [step.name, step.drift]),
    );
    t.deepEqual(
      Object.keys(drift).toSorted(),
      ["audience", "password", "role-mappings", "user"].map((child) => `expertflow-${child}`),
    );
    t.deepEqual(drift["expertflow-user"], {
      enabled: "false, should be true",
      emailVerified: "false, should be true",
    });
    succeeded(t, await theirs.up());
    sameRealm(t, withoutPasswords(await realm.snapshot()), enabled);
    t.true(await realm.canLogIn(customerPassword));
    succeeded(t, await stack.preview("--expect-no-changes"));

    // No secret in the clear, neither in the state nor in the clones.
    const state = several ? await filesIn(states) : await rowsOfState();
    t.true(state.some(([name, text]) => /stacks.*production/.test(name) && text.includes("expertflow-user")));
    const texts = [...state, ...(await filesIn(project.folder)), ...(await filesIn(colleagues.folder))];
    const clientSecret = account.KEYCLOAK_CLIENT_SECRET;
    const secrets = { customerPassword, clientSecret, "cim's secret": "the-clients-secret", passphrase };
    t.deepEqual(inTheClear(secrets, texts), []);

    const destroyed = await theirs.destroy();
    succeeded(t, destroyed);
    t.deepEqual(warnings(destroyed.output), []);
    sameRealm(t, await realm.snapshot(), before[0]);
    if (second) sameRealm(t, withoutPasswords(await second.snapshot()), withoutPasswords(before[1]));
    succeeded(t, await stack.run("stack", "rm", "--yes"));
  });
}

test("a node goes down: the other one serves preview and up", async (t) => {
  t.timeout(limit);
  const realm = await TestRealm.create({}, {}, "expertflow");
  t.teardown(() => realm.delete());
  const account = await makeServiceAccount("expertflow", ["realm-management"]);
  const stack = (await (await checkout(t, await stateInPostgres())).stack("production")).with(account);
  await configure(stack);
  succeeded(t, await stack.up());
  await changeUser(realm, { enabled: false });
  await cluster.stopNode(1);
  const [step] = await stack.forecast();
  t.deepEqual(step?.drift, { enabled: "false, should be true" });
  succeeded(t, await stack.up());
  succeeded(t, await stack.preview("--expect-no-changes"));
  succeeded(t, await stack.destroy());
  t.is(await realm.user(), undefined);
});

const database = "pulumi";
let databasePassword: string | undefined;

/** Keeps the password out of the address, because the CLI shows that. */
async function stateInPostgres(): Promise<Record<string, string>> {
  databasePassword ??= await postgres.createDatabase(database);
  const passwords = path.join(home, "pgpass");
  await writeFile(passwords, `localhost:${postgres.port}:${database}:${database}:${databasePassword}\n`, {
    mode: 0o600,
  });
  const options = `sslmode=verify-full&sslrootcert=${authority.certificateFile}`;
  return {
    PULUMI_BACKEND_URL: `postgres://${database}@localhost:${postgres.port}/${database}?${options}`,
    PGPASSFILE: passwords,
  };
}

/** Every file of the state by its name. The CLI keeps each in a row, as base64. */
async function rowsOfState(): Promise<[string, string][]> {
  const all = "SELECT json_agg(json_build_array(key, data->>'data')) FROM pulumi_state";
  const rows: [string, string][] = JSON.parse(await postgres.query(all, database));
  return rows.map(([key, data]) => [key, Buffer.from(data, "base64").toString("latin1")]);
}

async function deleteAccountsOfMaster(): Promise<void> {
  const master = new TestRealm("master");
  for (const account of Object.keys(accounts))
    await master.admin("DELETE", `/clients/${(await master.client(account)).id}`);
}
