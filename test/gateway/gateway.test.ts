// Does a gateway that knows only the stack's output let the customer in, and nobody else? The gateway is Apache with
// mod_auth_openidc, so this proves what the output means to a resource server, not how APISIX itself implements it.
import { generateKeyPairSync } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext, type TestFn } from "ava";
import { decodeJwt, decodeProtectedHeader, SignJWT, UnsecuredJWT } from "jose";
import { parse } from "yaml";
import type { ApisixPlugins, OpenidConnectPlugin } from "../../components/index.ts";
import { changeMapper } from "../../rig/keycloak/by-hand.ts";
import { server, TestRealm } from "../../rig/keycloak/realm.ts";
import { TestProject, type TestStack } from "../../rig/pulumi/project.ts";
import { type Apache, ensureApache } from "../../rig/servers/apache.ts";
import { Gateway, type PluginConfiguration } from "../../rig/servers/gateway.ts";
import { password, succeeded } from "../support/given.ts";

let apache: Apache | undefined;
let missing = "";
try {
  apache = await ensureApache();
} catch (error) {
  // CI's machine can fetch Apache, so there a missing one is a failure.
  if (process.env.CI) throw error;
  missing = ` (skipped: ${(error as Error).message})`;
}

interface Context {
  readonly realm: TestRealm;
  readonly other: TestRealm;
  readonly stack: TestStack;
}

const gatewayTest = test as TestFn<Context>;
const cleanup: (() => Promise<void>)[] = [];
/** Other tests share one key. Here each realm has its own, so that a token of another realm has another signature. */
const ownKeys = { privateKey: undefined };

gatewayTest.before(async (t) => {
  const [realm, other, project] = await Promise.all([
    TestRealm.create(ownKeys),
    TestRealm.create(ownKeys),
    TestProject.create(),
  ]);
  cleanup.push(
    () => realm.delete(),
    () => other.delete(),
    () => project.delete(),
  );
  const stack = await project.stack("test", { customerPassword: password });
  await stack.setObject("tenants", [{ realm: realm.name }, { realm: other.name }]);
  succeeded(t, await stack.up());
  t.context = { realm, other, stack };
});

gatewayTest.after.always(async () => {
  await Promise.all(cleanup.map((each) => each()));
});

/** A test that needs a gateway. Without one it is skipped, and its title says why. */
function withGateway(title: string, run: (t: ExecutionContext<Context>, apache: Apache) => Promise<void>) {
  const found = apache;
  if (found) gatewayTest.serial(title, (t) => run(t, found));
  else gatewayTest.serial.skip(`${title}${missing}`, (t) => t.pass());
}

/** The output as a user gets it: the stdout of one command. */
async function output(stack: TestStack, name: string, ...flags: string[]): Promise<string> {
  const { stdout } = await stack.run("stack", "output", name, "--show-secrets", ...flags);
  return stdout;
}

async function pluginOf(stack: TestStack, realm: TestRealm): Promise<OpenidConnectPlugin> {
  const enablements: Record<string, { apisix: ApisixPlugins }> = JSON.parse(
    await output(stack, "enablements", "--json"),
  );
  const found = enablements[realm.name];
  if (!found) throw new Error(`No configuration for realm '${realm.name}'.`);
  return found.apisix["openid-connect"];
}

async function start(t: ExecutionContext<Context>, found: Apache, plugin: PluginConfiguration) {
  const gateway = await Gateway.start(found, plugin);
  t.teardown(() => gateway.stop());
  return gateway;
}

async function customersToken(realm: TestRealm): Promise<string> {
  return accessToken(await realm.directGrant(password));
}

function accessToken(answer: { access_token?: string }): string {
  if (!answer.access_token) throw new Error(`No token: ${JSON.stringify(answer)}`);
  return answer.access_token;
}

/** A token of the same user in the same realm, but issued to another client: `cim` is not in its audience. */
async function tokenOfAnotherClient(realm: TestRealm): Promise<string> {
  const clientId = "not-cim";
  if (!(await realm.client(clientId))) {
    await realm.admin("POST", "/clients", {
      clientId,
      enabled: true,
      publicClient: true,
      directAccessGrantsEnabled: true,
    });
  }
  const response = await fetch(`${server.address}/realms/${realm.name}/protocol/openid-connect/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "password",
      client_id: clientId,
      username: "customer",
      password,
      scope: "openid",
    }),
  });
  return accessToken((await response.json()) as { access_token?: string });
}

async function withClient<T>(realm: TestRealm, changes: object, action: () => Promise<T>): Promise<T> {
  const client = await realm.client();
  await realm.admin("PUT", `/clients/${client.id}`, { ...client, ...changes });
  try {
    return await action();
  } finally {
    await realm.admin("PUT", `/clients/${client.id}`, client);
  }
}

async function tokenWithoutMapper(realm: TestRealm): Promise<string> {
  await changeMapper(realm, { "access.token.claim": "false" });
  try {
    return await customersToken(realm);
  } finally {
    await changeMapper(realm, { "access.token.claim": "true" });
  }
}

async function tokenWithoutScope(realm: TestRealm, name: string): Promise<string> {
  const { id } = await realm.client();
  const scopes = await realm.admin("GET", `/clients/${id}/default-client-scopes`);
  const scope = scopes.find((candidate: { name: string }) => candidate.name === name);
  const path = `/clients/${id}/default-client-scopes/${scope.id}`;
  await realm.admin("DELETE", path);
  try {
    return await customersToken(realm);
  } finally {
    await realm.admin("PUT", path);
  }
}

async function expiredToken(realm: TestRealm): Promise<string> {
  const { attributes } = await realm.client();
  const short = { attributes: { ...attributes, "access.token.lifespan": "1" } };
  const token = await withClient(realm, short, () => customersToken(realm));
  await sleep(2500);
  return token;
}

/** The customer's own claims, without a signature. */
async function unsignedToken(realm: TestRealm): Promise<string> {
  return new UnsecuredJWT(decodeJwt(await customersToken(realm))).encode();
}

/** The customer's own claims and the realm's key id, signed with another key. */
async function forgedToken(realm: TestRealm): Promise<string> {
  const token = await customersToken(realm);
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const { kid, typ } = decodeProtectedHeader(token);
  return new SignJWT(decodeJwt(token)).setProtectedHeader({ alg: "RS256", kid, typ }).sign(privateKey);
}

gatewayTest.serial(
  "the text for CX's values is one call away, holds the finished configuration, and is a secret",
  async (t) => {
    const { realm, stack } = t.context;
    // Pasted as its comment says: at the top of CX's values, with a reference in a route.
    const fragment = await output(stack, "apisixCustomValues");
    const [reference] = /openid-connect: \*\S+/.exec(fragment) ?? [];
    const values = parse(
      `${fragment}\napisixStandalone:\n  routes:\n    - id: main\n      plugins:\n        ${reference}\n`,
    );
    t.deepEqual(values.apisixStandalone.routes[0].plugins, {
      "openid-connect": await pluginOf(stack, realm),
    });

    const shown = async (name: string) => (await stack.run("stack", "output", name, "--json")).stdout;
    t.is(JSON.parse(await shown("apisixCustomValues")), "[secret]");
    t.is(JSON.parse(await shown("enablements"))[realm.name].apisix, "[secret]");
  },
);

const ways: readonly { readonly way: string; readonly use_jwks?: true }[] = [
  { way: "introspection, as the guide has it" },
  { way: "the realm's keys (use_jwks)", use_jwks: true },
];

for (const { way, ...added } of ways) {
  withGateway(`${way}: the customer is let in, and nobody else`, async (t, found) => {
    const { realm, other, stack } = t.context;
    const gateway = await start(t, found, { ...(await pluginOf(stack, realm)), ...added });
    t.is(await gateway.ask(await customersToken(realm)), "let in");

    const refused: Record<string, string | undefined> = {
      "no token": undefined,
      "something that is no token": "something",
      "the mapper switched off": await tokenWithoutMapper(realm),
      "of another client, so without the audience": await tokenOfAnotherClient(realm),
      "without scope email": await tokenWithoutScope(realm, "email"),
      "of another realm": await customersToken(other),
      expired: await expiredToken(realm),
      unsigned: await unsignedToken(realm),
      "signed by somebody else": await forgedToken(realm),
    };
    for (const [what, token] of Object.entries(refused)) t.is(await gateway.ask(token), "refused", what);

    t.is(await gateway.ask(await customersToken(realm)), "let in", "and still lets the customer in");
    const gatewayOfOther = await start(t, found, { ...(await pluginOf(stack, other)), ...added });
    t.is(await gatewayOfOther.ask(await customersToken(other)), "let in", "each tenant at its own");
  });
}

withGateway("a session that was ended: introspection knows, the realm's keys do not", async (t, found) => {
  const { realm, stack } = t.context;
  const plugin = await pluginOf(stack, realm);
  const { access_token, session_state } = await realm.directGrant(password);
  await realm.admin("DELETE", `/sessions/${session_state}`);
  t.is(await (await start(t, found, plugin)).ask(access_token), "refused");
  t.is(await (await start(t, found, { ...plugin, use_jwks: true })).ask(access_token), "let in");
});

withGateway("the guide's list 'audience' alone enforces nothing", async (t, found) => {
  const { realm, stack } = t.context;
  const plugin = await pluginOf(stack, realm);
  // The configuration without our addition: it has the list, but no gateway reads it.
  const guides = { ...plugin, claim_validator: { audience: {} }, use_jwks: true } as never;
  const token = await tokenOfAnotherClient(realm);
  t.is(await (await start(t, found, guides)).ask(token), "let in");
  t.is(await (await start(t, found, { ...plugin, use_jwks: true })).ask(token), "refused");
});

withGateway(
  "gatewayScope: even a gateway that checks no audience refuses another client's token",
  async (t, found) => {
    const { realm, other, stack } = t.context;
    // As APISIX 3.11, which does not know claim_validator.
    const unchecked = async () =>
      ({ ...(await pluginOf(stack, realm)), claim_validator: { audience: {} }, use_jwks: true }) as never;
    t.is(await (await start(t, found, await unchecked())).ask(await tokenOfAnotherClient(realm)), "let in");

    const tenants = (scope: object) =>
      stack.setObject("tenants", [{ realm: realm.name, ...scope }, { realm: other.name }]);
    await tenants({ gatewayScope: "cx-gateway" });
    succeeded(t, await stack.up());
    const gateway = await start(t, found, await unchecked());
    t.is(await gateway.ask(await customersToken(realm)), "let in");
    t.is(await gateway.ask(await tokenOfAnotherClient(realm)), "refused");
    await tenants({});
    succeeded(t, await stack.up());
  },
);

withGateway("the issuer trap: APISIX asks at another address than the widget", async (t, found) => {
  const { other, stack } = t.context;
  const inside = `${server.otherUrl}${server.basePath}`;
  // The token check would say so before APISIX does (test/token/check.test.ts). Here the gateway has to notice.
  const trapped = await stack.project.stack("inside", { customerPassword: password, verifyToken: "false" });
  await trapped.setObject("tenants", [{ realm: other.name, apisixDiscoveryBase: inside }]);
  succeeded(t, await trapped.up());
  const plugin = await pluginOf(trapped, other);
  t.true(plugin.discovery.startsWith(inside), plugin.discovery);
  for (const { way, ...added } of ways) {
    const gateway = await start(t, found, { ...plugin, ...added });
    t.is(await gateway.ask(await customersToken(other)), "refused", way);
  }

  // The cure: the realm has one name at every address.
  const settings = await other.admin("GET", "");
  t.teardown(() => other.admin("PUT", "", settings));
  await other.admin("PUT", "", { attributes: { ...settings.attributes, frontendUrl: server.address } });
  for (const { way, ...added } of ways) {
    const gateway = await start(t, found, { ...plugin, ...added });
    t.is(await gateway.ask(await customersToken(other)), "let in", way);
  }
});
