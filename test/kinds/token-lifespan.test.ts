// How long a client's access tokens live: set, watched, and put back.
import test from "ava";
import { FaultyProxy } from "../../rig/faults/faulty-proxy.ts";
import { asBefore, Corner, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { connection, type Declared, Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

const field = "access.token.lifespan";

async function given(t: Parameters<typeof Corner.of>[0], lifespan?: string) {
  const corner = await Corner.of(t);
  const { id } = await corner.realm.client();
  const set = (value: string) =>
    corner.realm.admin("PUT", `/clients/${id}`, { attributes: { [field]: value } });
  if (lifespan !== undefined) await set(lifespan);
  t.teardown(() => set(""));
  const declared = (seconds: number): Declared => ({
    name: "token-lifespan",
    kind: "tokenLifespan",
    inputs: { realm: corner.realm.name, client: "cim", seconds },
  });
  return { corner, set, declared, attributes: async () => (await corner.realm.client()).attributes };
}

for (const [before, plan] of [
  [undefined, { plan: "create" }],
  ["60", { plan: "adopt", corrects: { [field]: "60, should be 1800" } }],
  ["1800", { plan: "adopt" }],
] as const) {
  test.serial(`${before ?? "not set"}: set to 1800 seconds, watched, and put back by destroy`, async (t) => {
    const { corner, set, declared, attributes } = await given(t, before);
    const found = await corner.realm.snapshot();
    const stack = new Stack();
    t.deepEqual(await stack.preview(declared(1800)), [{ name: "token-lifespan", op: "create", ...plan }]);
    await stack.up(declared(1800));
    t.is((await attributes())[field], "1800");
    t.deepEqual(await stack.preview(declared(1800)), []);
    await set("5");
    t.deepEqual((await stack.preview(declared(1800)))[0]?.drift, { [field]: "5, should be 1800" });
    await stack.up(declared(1800));
    await stack.refresh();
    await stack.destroy();
    asBefore(t, await corner.realm.snapshot(), found);
    t.deepEqual(warned(), []);
  });
}

test.serial("changed by somebody before destroy: left, with a warning", async (t) => {
  const { set, declared, attributes } = await given(t, "60");
  const stack = new Stack();
  await stack.up(declared(1800));
  await set("7");
  await stack.destroy();
  t.is((await attributes())[field], "7");
  t.regex(warned().join("\n"), /access.token.lifespan was not put back, because somebody has changed it/);
});

test.serial("no whole number of seconds is refused by name", async (t) => {
  const { declared } = await given(t);
  for (const seconds of [0, -1, 1.5])
    await t.throwsAsync(new Stack().preview(declared(seconds)), { message: /whole number of seconds/ });
});

test.serial("authorization services and the service account of the client stay", async (t) => {
  const { corner, declared } = await given(t);
  const client = await corner.realm.client();
  const path = `/clients/${client.id}`;
  const on = { serviceAccountsEnabled: true, authorizationServicesEnabled: true };
  await corner.realm.admin("PUT", path, { ...client, ...on });
  t.teardown(() => corner.realm.admin("PUT", path, { ...client, serviceAccountsEnabled: false }));
  await corner.realm.admin("POST", `${path}/authz/resource-server/resource`, {
    name: "channels",
    uris: ["/ccm/*"],
  });
  const found = async () => ({
    rules: await corner.realm.admin("GET", `${path}/authz/resource-server/settings`),
    account: await corner.realm.admin("GET", `${path}/service-account-user`),
  });
  const before = await found();
  const stack = new Stack();
  await stack.up(declared(1800));
  asBefore(t, await found(), before);
  await stack.destroy();
  asBefore(t, await found(), before);
});

test.serial("mappers and scopes that change at the same moment stay changed", async (t) => {
  const { corner, declared } = await given(t);
  const path = `/clients/${(await corner.realm.client()).id}`;
  const models = `${path}/protocol-mappers/models`;
  const named = async (name: string, list: string) =>
    (await corner.realm.admin("GET", `${path}/${list}`)).find((each: { name: string }) => each.name === name);
  const add = (name: string) =>
    corner.realm.admin("POST", models, {
      name,
      protocol: "openid-connect",
      protocolMapper: "oidc-audience-mapper",
      config: { "included.client.audience": "cim" },
    });
  await add("goes");
  const { id: scope } = await named("phone", "optional-client-scopes");
  const proxy = await FaultyProxy.start();
  t.teardown(async () => {
    proxy.stop();
    await corner.realm.admin("DELETE", `${models}/${(await named("comes", "protocol-mappers/models")).id}`);
    await corner.realm.admin("DELETE", `${path}/default-client-scopes/${scope}`);
    await corner.realm.admin("PUT", `${path}/optional-client-scopes/${scope}`);
  });
  let changed = await corner.realm.snapshot();
  proxy.decide(async (request) => {
    if (request.method !== "PUT" || !request.path.endsWith(path)) return undefined;
    proxy.decide();
    await corner.realm.admin("DELETE", `${models}/${(await named("goes", "protocol-mappers/models")).id}`);
    await add("comes");
    await corner.realm.admin("DELETE", `${path}/optional-client-scopes/${scope}`);
    await corner.realm.admin("PUT", `${path}/default-client-scopes/${scope}`);
    changed = await corner.realm.snapshot();
    return undefined;
  });
  const stack = new Stack({ ...connection, "keycloak:url": proxy.url });
  await stack.up(declared(1800));
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), changed);
});
