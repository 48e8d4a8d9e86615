// A user's own program treats the component like any other: with unknown inputs, resource options, several realms in a
// loop, components within components.
import { randomBytes } from "node:crypto";
import path from "node:path";
import test from "ava";
import { doByHand, withoutPasswords } from "../../rig/keycloak/by-hand.ts";
import { admin, TestRealm } from "../../rig/keycloak/realm.ts";
import { keycloakPluginFolder } from "../../rig/pulumi/engine.ts";
import { given, password, sameRealm, succeeded } from "../support/given.ts";

const imports = `
import * as keycloak from "@pulumi/keycloak";
import * as pulumi from "@pulumi/pulumi";
import { ApisixEnablement } from "keycloak-apisix";
const customerPassword = new pulumi.Config("keycloak-apisix").requireSecret("customerPassword");
`;

test.serial("options reach the children of a component as Pulumi documents it", async (t) => {
  const { realm: first, project, stack } = await given(t);
  const second = await TestRealm.create();
  t.teardown(() => second.delete());
  await doByHand(first, "the guide's way");
  const before = await first.snapshot();

  // `ignoreChanges` on a component has no effect: the inputs belong to its children, which `transforms` reaches.
  const program = (name: string, options: string) => `${imports}
const children = "pulumi-nodejs:dynamic/keycloak-apisix:";
new ApisixEnablement("${name}", { realm: "${first.name}", customerPassword }, {
  ${options}
  protect: true,
  transforms: [({ type, props, opts }) => {
    if (type === children + "AudienceMapper") return { props: { ...props, mapper: "transformed" }, opts };
    if (type !== children + "Password" && type !== children + "TokenCheck") return undefined;
    return { props, opts: pulumi.mergeOptions(opts, { ignoreChanges: ["password"] }) };
  }],
});
new ApisixEnablement("second", { realm: "${second.name}", customerPassword }, {
  retainOnDelete: true,
  ignoreChanges: ["customerPassword", "password"],
});
`;
  await project.setProgram(program("earlier", ""));
  succeeded(t, await stack.up());
  t.truthy(await first.mapper("transformed"));
  const enabled = await first.snapshot();

  // The first gets another name, with an alias; the second another password. Only the password is a change.
  await project.setProgram(program("later", 'aliases: [{ name: "earlier" }],'));
  await stack.set("customerPassword", "another one");
  const steps = await stack.forecast();
  t.deepEqual(steps.map(({ name, op }) => `${op} ${name}`).toSorted(), [
    "update second-password",
    "update second-token",
  ]);
  succeeded(t, await stack.up());
  sameRealm(t, await first.snapshot(), enabled);
  t.true(await first.canLogIn(password));
  t.true(await second.canLogIn("another one"));

  const retained = await second.snapshot();
  const refused = await stack.destroy();
  t.not(refused.exitCode, 0);
  t.regex(refused.output, /later-\w+" cannot be deleted\s+because it is protected/);
  sameRealm(t, await first.snapshot(), enabled);
  succeeded(t, await stack.run("state", "unprotect", "--all", "--yes"));
  succeeded(t, await stack.destroy());
  sameRealm(t, await second.snapshot(), retained);
  sameRealm(t, withoutPasswords(await first.snapshot()), withoutPasswords(before));
});

test.serial(
  "realms and clients from the same up: in a loop, by name with dependsOn, in a component",
  async (t) => {
    const folder = await keycloakPluginFolder();
    const {
      realm: there,
      project,
      stack,
    } = await given(t, {
      env: { ...(folder && { PATH: `${folder}${path.delimiter}${process.env.PATH}` }) },
    });
    const tenants = ["by-output", "by-name"].map(
      (how) => new TestRealm(`t-${how}-${randomBytes(3).toString("hex")}`),
    );
    for (const tenant of tenants) t.teardown(() => tenant.delete().catch(() => undefined));
    const [byOutput, byName] = tenants.map(({ name }) => name);
    await project.setProgram(`${imports}
class Tenant extends pulumi.ComponentResource {
  constructor(name, options) {
    super("test:index:Tenant", name, {}, options);
    const parent = { parent: this };
    this.realm = new keycloak.Realm(name, { realm: name }, parent);
    this.client = new keycloak.openid.Client(name, {
      realmId: this.realm.id,
      clientId: "cim",
      accessType: "CONFIDENTIAL",
      directAccessGrantsEnabled: true,
    }, parent);
    this.registerOutputs();
  }
}
export const audiences = {};
const tenants = ["${byOutput}", "${byName}"].map((name) => {
  const tenant = new Tenant(name);
  const byName = name === "${byName}";
  const args = byName
    ? { realm: name, customerPassword }
    : { realm: tenant.realm.realm, client: tenant.client.clientId, customerPassword };
  // Inside the component that creates the realm, or beside it with dependsOn.
  const options = byName ? { dependsOn: tenant } : { parent: tenant };
  const enablement = new ApisixEnablement(\`\${name}-cx\`, args, options);
  audiences[name] = enablement.token.apply((token) => token?.audiences);
  return tenant;
});
// In an existing realm, for a user whose name and profile are unknown during the preview.
const [{ client }] = tenants;
new ApisixEnablement("there", {
  realm: "${there.name}",
  customerUsername: pulumi.interpolate\`c-\${client.resourceServerId}\`,
  customerProfile: { lastName: client.serviceAccountUserId.apply(() => "Customer") },
  customerPassword,
});
`);
    const steps = await stack.forecast();
    const claims = steps.filter(({ plan, drift }) => plan ?? drift).map(({ name, plan }) => [name, plan]);
    t.deepEqual(claims.toSorted(), [
      ["there-audience", "create"],
      ["there-role", "create"],
    ]);
    for (const { name } of tenants) t.true(steps.some((step) => step.name === `${name}-cx-user`));

    succeeded(t, await stack.up());
    const { audiences } = await stack.outputs();
    for (const { name } of tenants) t.true(audiences[name].includes("cim"), name);
    for (const tenant of tenants) t.true(await tenant.canLogIn(password));
    succeeded(t, await stack.preview("--expect-no-changes"));

    const destroyed = await stack.destroy();
    succeeded(t, destroyed);
    t.notRegex(destroyed.output, /warning: .*left in place/);
    const left = await admin("GET", "?briefRepresentation=true");
    t.false(left.some(({ realm }: { realm: string }) => tenants.some(({ name }) => name === realm)));
    t.is((await there.admin("GET", "/users")).length, 0);
  },
);
