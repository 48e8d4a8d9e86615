// Stacks that own realm and client: @pulumi/keycloak creates both in the same `up` that enables them.
import { randomBytes } from "node:crypto";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { admin, TestRealm } from "../../rig/keycloak/realm.ts";
import { keycloakPluginFolder } from "../../rig/pulumi/engine.ts";
import { type CliResult, TestProject } from "../../rig/pulumi/project.ts";
import { password, sameRealm, succeeded, warnings } from "../support/given.ts";

const ownProgram = (realm: string) => `
import * as keycloak from "@pulumi/keycloak";
import * as pulumi from "@pulumi/pulumi";
import { ApisixEnablement } from "keycloak-apisix";
const realm = new keycloak.Realm("tenant", { realm: "${realm}" });
const client = new keycloak.openid.Client("cim", {
  realmId: realm.id,
  clientId: "cim",
  accessType: "CONFIDENTIAL",
  directAccessGrantsEnabled: true,
});
const enablement = new ApisixEnablement("${realm}", {
  realm: realm.realm,
  client: client.clientId,
  customerPassword: new pulumi.Config("keycloak-apisix").requireSecret("customerPassword"),
});
export const enablements = { "${realm}": { token: enablement.token, adopted: enablement.adopted } };
`;

for (const [title, program] of [
  ["ownRealm: true", undefined],
  ["a user's own program", ownProgram],
] as const) {
  test.serial(`${title}: one up creates realm, client and the rest; a second changes nothing`, async (t) => {
    const realm = new TestRealm(`t-${randomBytes(4).toString("hex")}`);
    t.teardown(() => realm.delete().catch(() => undefined));
    const folder = await keycloakPluginFolder();
    const project = await TestProject.create({
      program: program?.(realm.name),
      env: { ...(folder && { PATH: `${folder}${path.delimiter}${process.env.PATH}` }) },
    });
    t.teardown(() => project.delete());
    const stack = await project.stack("own", {
      realm: realm.name,
      customerPassword: password,
      ...(!program && { ownRealm: "true" }),
    });

    const steps = await stack.forecast();
    t.true(steps.some(({ name }) => name === `${realm.name}-user`));
    t.deepEqual(
      steps.filter(({ name, plan, drift }) => name !== `${realm.name}-token` && (plan ?? drift)),
      [],
      "the preview claims nothing about a realm that does not exist yet",
    );
    t.false(await exists(realm));

    succeeded(t, await stack.up());
    const { adopted, token } = (await stack.outputs()).enablements[realm.name];
    t.true(
      Object.values(adopted).every((value) => value === false),
      JSON.stringify(adopted),
    );
    t.true(token.audiences.includes("cim"));
    t.true(await realm.canLogIn(password));
    succeeded(t, await stack.preview("--expect-no-changes"));
    // The component alone protects nothing; the realm that the program's own setting creates is protected.
    await gone(t, realm, await stack.destroy(...(program ? [] : ["--ignore-protect"])));
  });
}

test.serial(
  "a tenant taken out, or a destroy, deletes nothing in an owned realm unless it is meant",
  async (t) => {
    const suffix = randomBytes(3).toString("hex");
    const [going, staying] = [new TestRealm(`t-going-${suffix}`), new TestRealm(`t-staying-${suffix}`)];
    for (const realm of [going, staying]) t.teardown(() => realm.delete().catch(() => undefined));
    const folder = await keycloakPluginFolder();
    const project = await TestProject.create({
      env: { ...(folder && { PATH: `${folder}${path.delimiter}${process.env.PATH}` }) },
    });
    t.teardown(() => project.delete());
    const stack = await project.stack("own", { customerPassword: password });
    const setTenants = (...realms: TestRealm[]) =>
      stack.setObject(
        "tenants",
        realms.map(({ name }) => ({ realm: name, ownRealm: true })),
      );
    await setTenants(going, staying);
    succeeded(t, await stack.up());
    const before = await Promise.all([going.snapshot(), staying.snapshot()]);

    const refused = async ({ exitCode, output }: CliResult) => {
      t.not(exitCode, 0, output);
      t.regex(output, /OwnedRealm::\S+" cannot be deleted\s+because it is protected/);
      sameRealm(t, await Promise.all([going.snapshot(), staying.snapshot()]), before);
    };
    await setTenants(staying);
    await refused(await stack.preview());
    await refused(await stack.up());
    await setTenants(going, staying);
    await refused(await stack.destroy());
    succeeded(t, await stack.preview("--expect-no-changes"));

    await setTenants(staying);
    await gone(t, going, await stack.up("--ignore-protect"));
    sameRealm(t, await staying.snapshot(), before[1]);
    await gone(t, staying, await stack.destroy("--ignore-protect"));
  },
);

test.serial("on stack dev an owned realm is not protected", async (t) => {
  const realm = new TestRealm(`t-${randomBytes(4).toString("hex")}`);
  t.teardown(() => realm.delete().catch(() => undefined));
  const folder = await keycloakPluginFolder();
  const project = await TestProject.create({
    env: { ...(folder && { PATH: `${folder}${path.delimiter}${process.env.PATH}` }) },
  });
  t.teardown(() => project.delete());
  const stack = await project.stack("dev", { realm: realm.name, ownRealm: "true" });
  succeeded(t, await stack.up());
  await gone(t, realm, await stack.destroy());
});

async function gone(t: ExecutionContext, realm: TestRealm, destroyed: { exitCode: number; output: string }) {
  succeeded(t, destroyed);
  t.deepEqual(warnings(destroyed.output), []);
  t.false(await exists(realm));
}

async function exists({ name }: TestRealm): Promise<boolean> {
  const realms = await admin("GET", "?briefRepresentation=true");
  return realms.some(({ realm }: { realm: string }) => realm === name);
}
