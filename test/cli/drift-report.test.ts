// `npm run drift`, the way cron and CI run it: in a clone of the repository, on several real stacks.
import { randomBytes } from "node:crypto";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import type { DriftReport } from "../../drift/report.ts";
import { changeClient, changeUser, doByHand } from "../../rig/keycloak/by-hand.ts";
import { server, TestRealm } from "../../rig/keycloak/realm.ts";
import { copyClone } from "../../rig/machine/clone.ts";
import { keycloakPluginFolder } from "../../rig/pulumi/engine.ts";
import { TestProject } from "../../rig/pulumi/project.ts";
import { password, succeeded } from "../support/given.ts";

async function clone(t: ExecutionContext, env: Record<string, string> = {}): Promise<TestProject> {
  const project = await TestProject.create({ install: copyClone, env });
  t.teardown(() => project.delete());
  return project;
}

async function realmOfOnesOwn(t: ExecutionContext): Promise<TestRealm> {
  const realm = await TestRealm.create();
  t.teardown(() => realm.delete());
  return realm;
}

test.serial(
  "all stacks: first clean, then with drift, which differs from what is not applied yet",
  async (t) => {
    const [project, one, two, byHand] = await Promise.all([
      clone(t),
      realmOfOnesOwn(t),
      realmOfOnesOwn(t),
      realmOfOnesOwn(t),
    ]);
    await doByHand(byHand, password);
    const [eu, production] = [
      await project.stack("eu", { realm: one.name, customerPassword: password }),
      await project.stack("production", { realm: two.name, customerPassword: password }),
    ];
    succeeded(t, await eu.up());
    succeeded(t, await production.up());
    const said: string[] = [];
    const drift = async (...args: string[]) => {
      const result = await project.script("drift/drift.ts", ...args);
      said.push(result.output);
      return result;
    };
    await Promise.all([one, two, byHand].map((realm) => realm.noteWrites()));
    const states = await Promise.all([eu.state(), production.state()]);

    const clean = await drift();
    succeeded(t, clean);
    t.regex(clean.stdout, /^Stack eu: clean$/m);
    t.regex(clean.stdout, /^2 stacks: 2 clean$/m);

    await changeUser(two, { emailVerified: false });
    await two.admin("DELETE", "/roles/customer");
    await Promise.all([two.noteWrites()]);
    const drifted = await drift("--json", "--stack", "production");
    t.is(drifted.exitCode, 2, drifted.output);
    const type = (name: string) => `pulumi-nodejs:dynamic/keycloak-apisix:${name}`;
    const name = (child: string) => `${two.name}-${child}`;
    t.deepEqual(JSON.parse(drifted.stdout), {
      version: 1,
      result: "drift",
      stacks: [
        {
          stack: "production",
          result: "drift",
          warnings: [],
          notCompared: [],
          resources: [
            { realm: two.name, name: name("role"), type: type("RealmRole"), drift: { realmRole: "missing" } },
            {
              realm: two.name,
              name: name("role-mappings"),
              type: type("RoleMappings"),
              drift: { customer: "not mapped" },
            },
            {
              realm: two.name,
              name: name("user"),
              type: type("User"),
              drift: { emailVerified: "false, should be true" },
            },
          ],
        },
      ],
    } satisfies DriftReport);

    // A changed setting is not drift; nor is a realm that no `up` has seen.
    await eu.set("customerPassword", "the next one");
    await eu.setObject("customerProfile", { email: "new@example.com" });
    await project.stack("new", { realm: byHand.name, customerPassword: password, cxVersion: "4.9.4" });
    const all = await drift();
    t.is(all.exitCode, 2, all.output);
    t.regex(all.stdout, /^Stack eu: not yet applied$/m);
    t.regex(all.stdout, /-user +not yet applied +profile: changed in the configuration$/m);
    t.regex(all.stdout, /-password +not yet applied +password: changed in the configuration$/m);
    t.regex(all.stdout, /^Stack production: drift$/m);
    t.regex(
      all.stdout,
      new RegExp(`^ {2}Realm ${two.name}\\n {4}${name("role")} +drift +realmRole: missing$`, "m"),
    );
    t.regex(all.stdout, new RegExp(`^ {4}${byHand.name}-user +not yet applied +will be adopted$`, "m"));
    t.regex(
      all.stdout,
      /^ +not yet applied +password: will be replaced unless it is already the configured one; CX's web-channel-manager/m,
    );
    t.regex(all.stdout, /^3 stacks: 1 drift, 2 not yet applied$/m);

    const unchecked = await drift("--stack", "eu", "--stack", "nope");
    t.is(unchecked.exitCode, 1, unchecked.output);
    t.regex(unchecked.stdout, /^Stack eu: not yet applied$/m);
    t.regex(unchecked.stdout, /^Stack nope: could not be checked\n {2}no stack named 'nope' found$/m);
    const other = await project
      .with({ KEYCLOAK_URL: "http://localhost:1" })
      .script("drift/drift.ts", "--json", "--stack", "production");
    t.is(other.exitCode, 1, other.output);
    const unreached = (JSON.parse(other.stdout) as DriftReport).stacks[0];
    t.is(unreached?.result, "unknown");
    t.regex(unreached?.error ?? "", /cannot be reached/);
    t.deepEqual(unreached?.resources, [], "the report claims nothing about a realm that it could not reach");

    // A stack that names its own server gets neither base path nor admin of the local one.
    const far = { KEYCLOAK_URL: undefined, KEYCLOAK_BASE_PATH: undefined, KEYCLOAK_CLIENT_ID: undefined };
    const alone = project.with({ ...far, KEYCLOAK_USER: undefined, KEYCLOAK_PASSWORD: undefined });
    await alone.stack("far", {
      realm: byHand.name,
      customerPassword: password,
      "keycloak:url": server.address,
      "keycloak:username": server.username,
      "keycloak:password": server.password,
    });
    const named = await alone.script("drift/drift.ts", "--stack", "far");
    t.is(named.exitCode, 3, named.output);
    said.push(named.output);

    for (const realm of [one, two, byHand]) t.deepEqual(await realm.written(), [], "it only reads");
    t.deepEqual(await Promise.all([eu.state(), production.state()]), states);
    for (const secret of [password, "the next one", server.password, "the-clients-secret"]) {
      t.false(said.join().includes(secret));
    }
  },
);

test.serial("if a stack owns its realm, realm and client are compared as well", async (t) => {
  const folder = await keycloakPluginFolder();
  const project = await clone(t, folder ? { PATH: `${folder}${path.delimiter}${process.env.PATH}` } : {});
  const realm = new TestRealm(`t-${randomBytes(4).toString("hex")}`);
  t.teardown(() => realm.delete().catch(() => undefined));
  const stack = await project.stack("own", {
    realm: realm.name,
    ownRealm: "true",
    customerPassword: password,
  });
  const before = await project.script("drift/drift.ts", "--json");
  t.is(before.exitCode, 3, before.output);
  const planned = (JSON.parse(before.stdout) as DriftReport).stacks[0]?.resources ?? [];
  t.is(planned.length, 8, "realm, client, and the component's six");
  t.true(
    planned.every((each) => each.realm === realm.name && each.unapplied?.plan === "create" && !each.drift),
  );

  succeeded(t, await stack.up());
  const clean = await project.script("drift/drift.ts");
  succeeded(t, clean);

  await changeClient(realm, { standardFlowEnabled: true });
  await realm.admin("PUT", "", { ...(await realm.admin("GET", "")), enabled: true, displayName: "theirs" });
  await changeUser(realm, { emailVerified: false });
  const drifted = await project.script("drift/drift.ts");
  t.is(drifted.exitCode, 2, drifted.output);
  t.regex(drifted.stdout, /-cim +drift +standardFlowEnabled: true, should be false$/m);
  t.regex(drifted.stdout, /-user +drift +emailVerified: false, should be true$/m);
  t.regex(drifted.stdout, /up --refresh --run-program --stack own$/m);

  const without = await project.script("drift/drift.ts", "--no-refresh", "--json");
  t.is(without.exitCode, 2, without.output);
  const [own] = (JSON.parse(without.stdout) as DriftReport).stacks;
  t.deepEqual(own?.notCompared, [realm.name, `${realm.name}-cim`]);
  t.deepEqual(
    own?.resources.map(({ name }) => name),
    [`${realm.name}-user`],
  );
});

test.serial("bad arguments, and a project without stacks, fail with one sentence", async (t) => {
  const project = await clone(t);
  const refused = async (args: string[], words: RegExp) => {
    const { exitCode, stdout, output } = await project.script("drift/drift.ts", ...args);
    t.is(exitCode, 1, output);
    t.is(stdout, "");
    t.regex(output, words);
    t.notRegex(output, /\n\s+at /);
  };
  // What npm passes on from `npm run drift --stack production`.
  await refused(["production"], /Unexpected argument 'production'.*npm run drift -- --stack production/);
  await refused(["--staks", "production"], /Unknown option '--staks'/);
  await refused(["--stack"], /'--stack' needs the name of a stack/);
  await refused(["--stack", "--json"], /'--stack' needs the name of a stack/);
  await refused(["--json=yes"], /'--json' takes no value/);
  await refused([], /no stack in the current state backend/);
});
