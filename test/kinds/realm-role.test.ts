// The realm role: looked up, created only if it is missing, never changed if it exists.
import test from "ava";
import { FaultyProxy } from "../../rig/faults/faulty-proxy.ts";
import { server } from "../../rig/keycloak/realm.ts";
import { asBefore, Corner, configured, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";
import { roleUses } from "../support/role-uses.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

test.serial("a missing role is created, and removed by destroy", async (t) => {
  const corner = await Corner.of(t);
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  t.deepEqual(await stack.preview(corner.realmRole()), [{ name: "role", op: "create", plan: "create" }]);
  asBefore(t, await corner.realm.snapshot(), before);
  await stack.up(corner.realmRole());
  t.like(stack.outs("role"), { adopted: false, uuid: (await corner.role()).id });
  t.deepEqual(await corner.writes(() => stack.up(corner.realmRole())), []);
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
  t.deepEqual(warned(), []);
});

test.serial("an existing role is adopted as it is, composites included, without a write", async (t) => {
  const corner = await Corner.of(t);
  const role = await corner.makeRole({ description: "somebody's", attributes: { of: ["others"] } });
  await corner.realm.admin("POST", `/roles-by-id/${role.id}/composites`, [
    await corner.realm.role("offline_access"),
  ]);
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  const writes = await corner.writes(async () => {
    t.deepEqual(
      (await stack.up(corner.realmRole())).map(({ plan, corrects }) => [plan, corrects]),
      [["adopt", undefined]],
    );
    t.like(stack.outs("role"), { adopted: true, uuid: role.id });
    t.deepEqual(await stack.up(corner.realmRole()), []);
    await stack.refresh();
    await stack.destroy();
  });
  t.deepEqual(writes, []);
  asBefore(t, await corner.realm.snapshot(), before);
});

test.serial(
  "what others add to our role is not drift, and survives adoption by a second stack",
  async (t) => {
    const corner = await Corner.of(t);
    const [first, second] = [new Stack(), new Stack()];
    await first.up(corner.realmRole());
    const role = await corner.role();
    const attributes = { ...role.attributes, of: ["others"] };
    await corner.realm.admin("PUT", `/roles-by-id/${role.id}`, { ...role, description: "ours", attributes });
    await corner.realm.admin("POST", `/roles-by-id/${role.id}/composites`, [
      await corner.realm.role("offline_access"),
    ]);
    t.deepEqual(await first.preview(corner.realmRole()), []);
    await second.up(corner.realmRole());
    const now = await corner.role();
    t.like(now, { description: "ours", composite: true });
    t.deepEqual(now.attributes.of, ["others"]);
    await second.destroy();
    t.deepEqual((await corner.role()).attributes, attributes, "the first stack's mark is back");
    await first.destroy();
    t.like(await corner.role(), { description: "ours", composite: true, attributes: { of: ["others"] } });
    t.regex(warned().join("\n"), /left in place, because it is in use \(other roles were added to it/);
  },
);

test.serial("deleted by hand: shown as missing, and recreated by up", async (t) => {
  const corner = await Corner.of(t);
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  await stack.up(corner.realmRole());
  await corner.deleteRole();
  t.deepEqual(await stack.preview(corner.realmRole()), [
    { name: "role", op: "update", drift: { realmRole: "missing" } },
  ]);
  await stack.up(corner.realmRole());
  t.deepEqual(await stack.preview(corner.realmRole()), []);
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
});

test.serial("adopted, then recreated by hand: shown once, and never removed", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeRole();
  const stack = new Stack();
  await stack.up(corner.realmRole());
  await corner.deleteRole();
  await corner.makeRole({ description: "anew" });
  t.like((await stack.preview(corner.realmRole()))[0], { op: "update" });
  await stack.up(corner.realmRole());
  t.deepEqual(await stack.preview(corner.realmRole()), []);
  const { id } = await corner.role();
  await stack.destroy();
  t.like(await corner.role(), { id, description: "anew", attributes: {} });
});

test.serial("moved to another server: adopted there, and the next preview shows nothing", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.realmRole());
  await corner.deleteRole();
  await corner.makeRole();
  stack.config = { ...connection, "keycloak:url": server.otherUrl };
  t.like((await stack.up(corner.realmRole()))[0], { op: "update" });
  t.deepEqual(await stack.preview(corner.realmRole()), []);
  await stack.destroy();
  t.like(await corner.role(), { attributes: {} });
});

test.serial(
  "another role in the program: it is adopted as it is, and the earlier adopted one stays",
  async (t) => {
    const corner = await Corner.of(t);
    const other = new Corner(corner.realm);
    t.teardown(() => other.clear());
    const adopted = await corner.makeRole();
    await other.makeRole({ description: "somebody's" });
    const before = await other.role();
    const stack = new Stack();
    await stack.up(corner.realmRole());
    const program = corner.realmRole({ role: other.roleName });
    t.deepEqual(await stack.preview(program), [{ name: "role", op: "replace", plan: "adopt" }]);
    await stack.up(program);
    t.deepEqual(await other.role(), before, "untouched");
    t.deepEqual(await stack.preview(program), []);
    t.is((await corner.role()).id, adopted.id, "adopted, so it stays");
    await stack.destroy();
    t.deepEqual(await other.role(), before);
  },
);

test.serial("destroy leaves a role of ours that other users have, and names them", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.realmRole());
  await corner.makeUser({ password: configured });
  await corner.map(corner.roleName);
  await stack.destroy();
  t.truthy(await corner.role());
  t.true((await corner.mapped()).includes(corner.roleName));
  t.regex(
    warned().join("\n"),
    new RegExp(
      `^Realm role '${corner.roleName}' .* left in place, because it is in use \\(user '${corner.username}' has it\\)`,
    ),
  );
});

test.serial(
  "renamed by hand: told by a preview, refused by up, kept by refresh, named by destroy",
  async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    await stack.up(corner.realmRole());
    const role = await corner.role();
    const name = `kunde-${corner.roleName}`;
    await corner.realm.admin("PUT", `/roles-by-id/${role.id}`, { ...role, name });
    t.teardown(() => corner.realm.admin("DELETE", `/roles-by-id/${role.id}`));
    warned();
    await stack.preview(corner.realmRole());
    t.regex(warned().join("\n"), /it was renamed, and is now realm role 'kunde-/);
    await t.throwsAsync(stack.up(corner.realmRole()), { message: /renamed, and is now realm role 'kunde-/ });
    t.is(await corner.role(), undefined, "no second one");
    await stack.refresh();
    t.true(stack.state.has("role"));
    warned();
    await stack.destroy();
    t.truthy(await corner.realm.role(name));
    t.regex(warned().join("\n"), /left in place, because it was renamed, and is now realm role 'kunde-/);
  },
);

for (const [who, { give, words }] of Object.entries(roleUses)) {
  test.serial(`destroy leaves a role of ours because of ${who}, without our mark, and says so`, async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    await stack.up(corner.realmRole());
    const takeBack = await give(corner.realm, await corner.role(), `of-${corner.roleName}`);
    t.teardown(takeBack);
    warned();
    await stack.destroy();
    const role = await corner.role();
    t.is(role?.attributes?.["keycloak-apisix.owner"], undefined);
    t.truthy(role);
    t.regex(warned().join("\n"), words);
  });
}

test.serial("a role whose name needs escaping is created, found and removed", async (t) => {
  const corner = await Corner.of(t);
  const name = `${corner.roleName} ä/ü?&#%`;
  const stack = new Stack();
  await stack.up(corner.realmRole({ role: name }));
  t.truthy(await corner.realm.role(name));
  t.deepEqual(await stack.preview(corner.realmRole({ role: name })), []);
  await stack.destroy();
  t.is(await corner.realm.role(name), undefined);
});

test.serial("a client role of the same name is a different object", async (t) => {
  const corner = await Corner.of(t);
  const { id } = await corner.realm.client();
  await corner.realm.admin("POST", `/clients/${id}/roles`, { name: corner.roleName });
  const stack = new Stack();
  t.like((await stack.up(corner.realmRole()))[0], { plan: "create" });
  await stack.destroy();
  t.truthy(await corner.realm.admin("GET", `/clients/${id}/roles/${corner.roleName}`));
});

test.serial("the preview of a clean realm takes six requests and one login", async (t) => {
  const corner = await Corner.of(t);
  const proxy = await FaultyProxy.start();
  t.teardown(() => proxy.stop());
  const stack = new Stack({ ...connection, "keycloak:url": proxy.url });
  await stack.up(...corner.all(), corner.tokenCheck());
  proxy.decide();
  t.deepEqual(await stack.preview(...corner.all(), corner.tokenCheck()), []);
  const asked = proxy.seen.map(({ path }) => path).filter((path) => path.startsWith("/admin/"));
  // Keycloak 18 leaves the client's secret out of the list of clients.
  t.is(asked.length, server.isFrom("19.0.0") ? 6 : 7, asked.join("\n"));
  t.is(proxy.seen.length, asked.length + 1, "one login");
});

test.serial("adopted, deleted by hand, recreated by up: nothing is left to do", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeRole();
  const stack = new Stack();
  await stack.up(...corner.all());
  t.true(stack.outs("role").adopted);
  await corner.deleteRole();
  await stack.up(...corner.all());
  t.deepEqual(await stack.preview(...corner.all()), []);
  t.deepEqual(await corner.writes(() => stack.up(...corner.all())), []);
});

test.serial("adopted, deleted by hand, remade by up: destroy leaves it to its user, unmarked", async (t) => {
  const corner = await Corner.ready(t);
  const stack = new Stack();
  await stack.up(...corner.all());
  await corner.deleteRole();
  await stack.up(...corner.all());
  warned();
  await stack.destroy();
  t.true((await corner.mapped()).includes(corner.roleName), "as it was found");
  t.regex(warned().join("\n"), /left in place, because it is in use \(user '.*' has it\)/);
  t.false(JSON.stringify(await corner.realm.snapshot()).includes("keycloak-apisix"), "a mark is left");
});

test.serial("recreated and mapped again by hand: shown, adopted, and never removed", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(...corner.all());
  await corner.deleteRole();
  await corner.makeRole();
  await corner.map(corner.roleName);
  warned();
  t.deepEqual(await stack.preview(...corner.all()), [
    { name: "role", op: "update", drift: { realmRole: "made anew outside this stack" } },
  ]);
  t.deepEqual(warned(), []);
  await stack.up(...corner.all());
  t.like(stack.outs("role"), { adopted: true, uuid: (await corner.role()).id });
  t.deepEqual(await stack.preview(...corner.all()), []);
  await stack.destroy();
  t.truthy(await corner.role());
});
