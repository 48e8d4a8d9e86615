// Which rights are enough: those of an admin of the whole server, or a few roles for a service account of the
// realm. Each of these roles is shown to be needed, and all together to be enough.
import { randomBytes } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import { admin, server } from "../../rig/keycloak/realm.ts";
import { asBefore, Corner, configured, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

const needed = ["manage-users", "manage-clients", "manage-realm"];
/** Earlier releases show the credentials only to those who may change them. */
const toWatch = [server.isFrom("22.0.0") ? "view-users" : "manage-users", "view-clients", "view-realm"];

/** A connection as a service account of the realm that has these roles of the client realm-management. */
async function serviceAccount(
  t: ExecutionContext,
  roles: readonly string[],
): Promise<Record<string, string>> {
  const realm = await sharedRealm();
  const clientId = `deployer-${randomBytes(3).toString("hex")}`;
  const secret = "the deployer's";
  await realm.admin("POST", "/clients", {
    clientId,
    secret,
    serviceAccountsEnabled: true,
    publicClient: false,
  });
  const { id } = await realm.client(clientId);
  t.teardown(() => realm.admin("DELETE", `/clients/${id}`));
  const user = await realm.admin("GET", `/clients/${id}/service-account-user`);
  const management = await realm.client("realm-management");
  const all: { name: string }[] = await realm.admin("GET", `/clients/${management.id}/roles`);
  await realm.admin(
    "POST",
    `/users/${user.id}/role-mappings/clients/${management.id}`,
    all.filter(({ name }) => roles.includes(name)),
  );
  const { "keycloak:username": _user, "keycloak:password": _password, ...rest } = connection;
  return {
    ...rest,
    "keycloak:realm": realm.name,
    "keycloak:clientId": clientId,
    "keycloak:clientSecret": secret,
  };
}

test.serial(`a service account with ${needed.join(", ")} can do everything`, async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack(await serviceAccount(t, needed));
  const before = await corner.realm.snapshot();
  const program = [...corner.all(), corner.tokenCheck()];
  await stack.preview(...program);
  await stack.up(...program);
  t.true(await corner.canLogIn(configured));
  await corner.changeMapper({ "id.token.claim": "false" });
  await corner.changeUser({ enabled: false });
  await corner.resetPassword("somebody's");
  await corner.unmap("offline_access");
  t.deepEqual(
    (await stack.up(...program)).map(({ name }) => name),
    ["audience", "user", "password", "role-mappings"],
  );
  await corner.deleteRole();
  await stack.up(...program);
  await stack.refresh();
  t.deepEqual(await stack.preview(...program), []);
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
  t.deepEqual(warned(), []);
});

for (const missing of needed) {
  test.serial(`without ${missing} it is refused, and the error names the role`, async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack(
      await serviceAccount(
        t,
        needed.filter((role) => role !== missing),
      ),
    );
    const error = await t.throwsAsync(stack.up(...corner.all()));
    t.regex(error.message, /'deployer-.*' of realm '.*'/);
    t.true(error.message.includes(`'${missing}'`), error.message);
  });
}

test.serial(`${toWatch.join(", ")} are enough to watch for drift, but not to change anything`, async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(...corner.all(), corner.tokenCheck());
  stack.config = await serviceAccount(t, toWatch);
  t.deepEqual(await stack.preview(...corner.all(), corner.tokenCheck()), []);
  await corner.changeUser({ emailVerified: false });
  await corner.changeMapper({ "id.token.claim": "false" });
  await corner.resetPassword("somebody's");
  await corner.unmap("offline_access");
  await corner.deleteRole();
  const seen = await stack.preview(...corner.all(), corner.tokenCheck());
  t.deepEqual(
    seen.map(({ name }) => name),
    ["audience", "role", "user", "password", "role-mappings"],
  );
  await t.throwsAsync(stack.up(...corner.all()), { message: /403|may read, but not change/ });
});

test.serial(
  "who may not see all users never takes one for missing, and the error names the right",
  async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    await stack.up(...corner.all());
    const before = await corner.realm.snapshot();
    const named = { message: /may not see all users .* client role 'view-users'/ };
    stack.config = await serviceAccount(t, ["query-users", "manage-clients", "manage-realm"]);
    const state = new Map(stack.state);
    await t.throwsAsync(stack.preview(...corner.all()), named);
    await t.throwsAsync(stack.refresh(), named);
    t.deepEqual([...stack.state.keys()], [...state.keys()]);
    await t.throwsAsync(stack.destroy(), named);
    // Without the resources of the user, the role alone is asked who has it.
    stack.state = new Map([...state].filter(([name]) => name === "role"));
    await t.throwsAsync(stack.destroy(), named);
    asBefore(t, (await corner.realm.snapshot()).roles, before.roles);
    asBefore(t, (await corner.realm.snapshot()).users, before.users);
  },
);

test.serial(
  "who may not see all clients never takes one for missing, and the error names the right",
  async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    await stack.up(corner.audience());
    stack.config = await serviceAccount(t, ["manage-users", "query-clients", "manage-realm"]);
    const named = { message: /may not see all clients .* client role 'view-clients'/ };
    await t.throwsAsync(stack.preview(corner.audience()), named);
    await t.throwsAsync(stack.refresh(), named);
    await t.throwsAsync(stack.destroy(), named);
    t.truthy(await corner.mapper());
  },
);

test.serial(
  "an admin in realm master without the realm role 'admin' needs only the same three roles",
  async (t) => {
    const corner = await Corner.of(t);
    const username = `a-${randomBytes(4).toString("hex")}`;
    await admin("POST", "/master/users", {
      username,
      enabled: true,
      credentials: [{ type: "password", value: "the clerk's", temporary: false }],
    });
    const [{ id }] = await admin("GET", `/master/users?username=${username}&exact=true`);
    t.teardown(() => admin("DELETE", `/master/users/${id}`));
    const [management] = await admin("GET", `/master/clients?clientId=${corner.realm.name}-realm`);
    const all: { name: string }[] = await admin("GET", `/master/clients/${management.id}/roles`);
    await admin(
      "POST",
      `/master/users/${id}/role-mappings/clients/${management.id}`,
      all.filter(({ name }) => needed.includes(name)),
    );
    const stack = new Stack({
      ...connection,
      "keycloak:username": username,
      "keycloak:password": "the clerk's",
    });
    await stack.up(...corner.all());
    t.deepEqual(await stack.preview(...corner.all()), []);
    await stack.destroy();
    t.is(await corner.user(), undefined);
  },
);
