// Which rights are enough: those of an admin of the whole server, or a few roles for a service account of the
// realm. Each of these roles is shown to be needed, and all together to be enough.
import test, { type ExecutionContext } from "ava";
import { locksOut, server, TestRealm } from "../../rig/keycloak/realm.ts";
import { asBefore, Corner, configured, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { Stack } from "../support/engine.ts";
import { LimitedAdmin } from "../support/limited-admin.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

const needed = ["manage-users", "manage-clients", "manage-realm"];
/** Earlier releases show the credentials only to those who may change them. */
const toWatch = [server.isFrom("22.0.0") ? "view-users" : "manage-users", "view-clients", "view-realm"];

/** A connection with these rights, as a service account of the realm. */
async function withRights(
  t: ExecutionContext,
  roles: readonly string[],
  realm?: TestRealm,
): Promise<Readonly<Record<string, string>>> {
  const limited = await LimitedAdmin.create(realm ?? (await sharedRealm()), "the realm", roles);
  t.teardown(() => limited.delete());
  return limited.connection;
}

test.serial(`a service account with ${needed.join(", ")} can do everything`, async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack(await withRights(t, needed));
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
  t.regex(warned().join("\n"), /^The password of user .* was replaced by the configured one: .*$/);
});

for (const missing of needed) {
  test.serial(`without ${missing} it is refused, and the error names the role`, async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack(
      await withRights(
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
  stack.config = await withRights(t, toWatch);
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
    stack.config = await withRights(t, ["query-users", "manage-clients", "manage-realm"]);
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
    stack.config = await withRights(t, ["manage-users", "query-clients", "manage-realm"]);
    const named = { message: /may not see all clients .* client role 'view-clients'/ };
    await t.throwsAsync(stack.preview(corner.audience()), named);
    await t.throwsAsync(stack.refresh(), named);
    await t.throwsAsync(stack.destroy(), named);
    t.truthy(await corner.mapper());
  },
);

const hasPermissions = server.isFrom("26.2.0");
for (const who of ["this admin may not", "another one may"]) {
  (hasPermissions ? test.serial : test.skip)(
    `what a permission says ${who} see is never missing, and the error names the right`,
    async (t) => {
      const realm = await TestRealm.create();
      t.teardown(() => realm.delete());
      const corner = new Corner(realm);
      const stack = new Stack();
      await stack.up(corner.audience(), corner.customer());
      const rights = ["query-users", "query-clients", "manage-realm"];
      const admin = await LimitedAdmin.create(realm, "the realm", rights);
      const another = await LimitedAdmin.create(realm, "the realm");
      for (const [type, { id }] of [
        ["Clients", await realm.client()],
        ["Users", await corner.user()],
      ] as const) {
        await admin.permit(type, ["view", "manage"], []);
        if (who === "another one may") await another.permit(type, ["view"], [id]);
        else await admin.permit(type, ["view"], [id], "NEGATIVE");
      }
      stack.config = admin.connection;
      const ofClient = { message: /may not see all clients .* client role 'view-clients'/ };
      await t.throwsAsync(stack.preview(corner.audience()), ofClient);
      await t.throwsAsync(stack.refresh(), ofClient);
      stack.state.delete("user");
      await t.throwsAsync(stack.destroy(), ofClient);
      t.deepEqual([...stack.state.keys()], ["audience"]);
      t.truthy(await corner.mapper());
      const fresh = new Stack(admin.connection);
      await t.throwsAsync(fresh.preview(corner.customer()), {
        message: /may not see all users .* client role 'view-users'|lacks the rights: .* 'manage-users'/,
      });
    },
  );
}

test.serial(
  "who may not see the realm's settings is told so before a login that could lock the user",
  async (t) => {
    const realm = await TestRealm.create(locksOut);
    t.teardown(() => realm.delete());
    const corner = new Corner(realm);
    await corner.setUp();
    await realm.failLogins(corner.username, locksOut.failureFactor - 1);
    const stack = new Stack(await withRights(t, ["manage-users", "manage-clients"], realm));
    const kept = { keep: true, password: "not the one it has" };
    await t.throwsAsync(stack.up(corner.password(kept), corner.tokenCheck({ ...kept, roles: [] })), {
      message: /may not see the settings of realm .* client role 'view-realm'/,
    });
    t.is((await realm.failedLogins(corner.username)).numFailures, locksOut.failureFactor - 1);
  },
);

test.serial(
  "an admin in realm master without the realm role 'admin' needs only the same three roles",
  async (t) => {
    const corner = await Corner.of(t);
    const limited = await LimitedAdmin.create(corner.realm, "master", needed);
    t.teardown(() => limited.delete());
    const stack = new Stack(limited.connection);
    await stack.up(...corner.all());
    t.deepEqual(await stack.preview(...corner.all()), []);
    await stack.destroy();
    t.is(await corner.user(), undefined);
  },
);
