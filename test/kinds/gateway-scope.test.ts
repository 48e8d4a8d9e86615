// The client scope that a gateway requires: of one client alone, adopted, watched and taken back like everything else.
import test from "ava";
import { asBefore, Corner, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { type Declared, Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

const markKey = "keycloak-apisix.owner";

function declared({ realm, roleName }: Corner): Declared {
  return {
    name: "gateway-scope",
    kind: "gatewayScope",
    inputs: { realm: realm.name, client: "cim", scope: roleName },
  };
}

async function scopeOf({ realm, roleName }: Corner) {
  const scopes: { id: string; name: string; attributes: Record<string, string> }[] = await realm.admin(
    "GET",
    "/client-scopes",
  );
  return scopes.find(({ name }) => name === roleName);
}

/** Makes the scope by hand, as `how` of client cim. */
async function makeScope(corner: Corner, how?: "default" | "optional", rest: object = {}): Promise<string> {
  await corner.realm.admin("POST", "/client-scopes", {
    name: corner.roleName,
    protocol: "openid-connect",
    attributes: { "include.in.token.scope": "false" },
    ...rest,
  });
  const id = (await scopeOf(corner))?.id ?? "";
  if (how) await assign(corner, how, id);
  return id;
}

async function assign({ realm }: Corner, how: "default" | "optional", id: string, clientId = "cim") {
  const client = await realm.client(clientId);
  await realm.admin("PUT", `/clients/${client.id}/${how}-client-scopes/${id}`);
}

async function scopesInSnapshot({ realm }: Corner) {
  const [snapshot, scopes] = await Promise.all([realm.snapshot(), realm.admin("GET", "/client-scopes")]);
  const byId = (one: { id: string }, other: { id: string }) => one.id.localeCompare(other.id);
  return { ...snapshot, scopes: scopes.toSorted(byId) };
}

async function deleteScope(corner: Corner): Promise<void> {
  const scope = await scopeOf(corner);
  if (scope) await corner.realm.admin("DELETE", `/client-scopes/${scope.id}`);
}

async function of(t: Parameters<typeof Corner.of>[0]): Promise<Corner> {
  const corner = await Corner.of(t);
  t.teardown(() => deleteScope(corner));
  return corner;
}

test.serial("a missing scope is created as a default of the client, and removed by destroy", async (t) => {
  const corner = await of(t);
  const before = await scopesInSnapshot(corner);
  const stack = new Stack();
  t.deepEqual(await stack.preview(declared(corner)), [
    { name: "gateway-scope", op: "create", plan: "create" },
  ]);
  asBefore(t, await scopesInSnapshot(corner), before);
  await stack.up(declared(corner));
  const scope = await scopeOf(corner);
  t.is(scope?.attributes["include.in.token.scope"], "true");
  t.true((await corner.realm.client()).defaultClientScopes.includes(corner.roleName));
  t.deepEqual(await stack.preview(declared(corner)), []);
  t.deepEqual(await corner.writes(() => stack.up(declared(corner))), []);
  await stack.destroy();
  asBefore(t, await scopesInSnapshot(corner), before);
  t.deepEqual(warned(), []);
});

for (const how of ["default", "optional", undefined] as const) {
  test.serial(`adopted as ${how ?? "not assigned"}: corrected, and restored by destroy`, async (t) => {
    const corner = await of(t);
    await makeScope(corner, how);
    const before = await scopesInSnapshot(corner);
    const stack = new Stack();
    t.deepEqual(await stack.preview(declared(corner)), [
      {
        name: "gateway-scope",
        op: "create",
        plan: "adopt",
        corrects: {
          "include.in.token.scope": "false, should be true",
          ...(how === undefined && { assigned: "not assigned to the client" }),
          ...(how === "optional" && { assigned: "optional, should be default" }),
        },
      },
    ]);
    await stack.up(declared(corner));
    t.true((await corner.realm.client()).defaultClientScopes.includes(corner.roleName));
    t.deepEqual(await stack.preview(declared(corner)), []);
    await stack.destroy();
    asBefore(t, await scopesInSnapshot(corner), before);
    t.deepEqual(warned(), []);
  });
}

test.serial("taken from the client, or out of the token: shown, and put back by up", async (t) => {
  const corner = await of(t);
  const stack = new Stack();
  await stack.up(declared(corner));
  const scope = await scopeOf(corner);
  const { id } = await corner.realm.client();
  await corner.realm.admin("DELETE", `/clients/${id}/default-client-scopes/${scope?.id}`);
  await corner.realm.admin("PUT", `/client-scopes/${scope?.id}`, {
    ...scope,
    attributes: { ...scope?.attributes, "include.in.token.scope": "false" },
  });
  t.deepEqual((await stack.preview(declared(corner)))[0]?.drift, {
    "include.in.token.scope": "false, should be true",
    assigned: "not assigned to the client",
  });
  await stack.up(declared(corner));
  t.deepEqual(await stack.preview(declared(corner)), []);
});

test.serial("a scope that another client has: refused, shown as drift, and left by destroy", async (t) => {
  const corner = await of(t);
  const id = await makeScope(corner);
  await assign(corner, "optional", id, "account");
  const words = /must belong to client 'cim' alone, and client 'account' has it too/;
  await t.throwsAsync(new Stack().preview(declared(corner)), { message: words });
  await deleteScope(corner);

  const stack = new Stack();
  await stack.up(declared(corner));
  await assign(corner, "optional", (await scopeOf(corner))?.id ?? "", "account");
  t.deepEqual((await stack.preview(declared(corner)))[0]?.drift, { others: "client 'account' has it too" });
  await t.throwsAsync(stack.up(declared(corner)), { message: words });
  warned();
  await stack.destroy();
  t.is((await scopeOf(corner))?.attributes[markKey], undefined);
  t.truthy(await scopeOf(corner));
  t.regex(warned().join("\n"), /left in place, because client 'account' has it too/);
});

for (const how of ["default", "optional"] as const) {
  test.serial(`a scope that every new client gets as ${how} is not one client's alone`, async (t) => {
    const corner = await of(t);
    const id = await makeScope(corner);
    await corner.realm.admin("PUT", `/default-${how}-client-scopes/${id}`);
    await t.throwsAsync(new Stack().preview(declared(corner)), {
      message: /must belong to client 'cim' alone, and every new client has it too/,
    });
  });
}

test.serial("a scope that others have assigned a role to is left by destroy", async (t) => {
  const corner = await of(t);
  const stack = new Stack();
  await stack.up(declared(corner));
  const id = (await scopeOf(corner))?.id;
  const role = await corner.realm.role("offline_access");
  await corner.realm.admin("POST", `/client-scopes/${id}/scope-mappings/realm`, [role]);
  warned();
  await stack.destroy();
  t.truthy(await scopeOf(corner));
  t.regex(warned().join("\n"), /left in place, because others have assigned roles to it/);
});

test.serial("another client: refused with the way there, which works", async (t) => {
  const corner = await of(t);
  const stack = new Stack();
  const { inputs, ...rest } = declared(corner);
  const other = { ...rest, inputs: { ...inputs, client: "account" } };
  await stack.up(declared(corner));
  await t.throwsAsync(stack.preview(other), {
    message: /client 'cim' has it too.* leave gatewayScope out for one 'up'/,
  });
  await stack.up();
  await stack.up(other);
  t.deepEqual(await stack.preview(other), []);
  await stack.destroy();
  t.is(await scopeOf(corner), undefined);
});

test.serial("renamed by hand: told, refused by up, named by destroy", async (t) => {
  const corner = await of(t);
  const stack = new Stack();
  await stack.up(declared(corner));
  const scope = await scopeOf(corner);
  const name = `new-${corner.roleName}`;
  await corner.realm.admin("PUT", `/client-scopes/${scope?.id}`, { ...scope, name });
  t.teardown(() => corner.realm.admin("DELETE", `/client-scopes/${scope?.id}`));
  await t.throwsAsync(stack.up(declared(corner)), {
    message: /it was renamed, and is now client scope 'new-/,
  });
  warned();
  await stack.destroy();
  t.regex(warned().join("\n"), /left in place, because it was renamed/);
});
