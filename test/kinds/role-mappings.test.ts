// The user's realm role mappings: the guide's roles are mapped directly, all others are left alone.
import test from "ava";
import { asBefore, Corner, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { CheckFailure, Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

/** The guide's three roles, and the default role that Keycloak gives every user. */
const direct = (corner: Corner, ...more: string[]) =>
  [
    corner.roleName,
    "offline_access",
    "uma_authorization",
    `default-roles-${corner.realm.name}`,
    ...more,
  ].toSorted();

test.serial(
  "mapped directly although the default roles include two of them, and unmapped by destroy",
  async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser();
    await corner.makeRole();
    const before = await corner.realm.snapshot();
    const stack = new Stack();
    t.deepEqual(await stack.preview(corner.roleMappings()), [
      { name: "role-mappings", op: "create", plan: "create" },
    ]);
    asBefore(t, await corner.realm.snapshot(), before);
    await stack.up(corner.roleMappings());
    t.deepEqual(await corner.mapped(), direct(corner));
    t.false(stack.outs("role-mappings").adopted);
    t.deepEqual(await corner.writes(() => stack.up(corner.roleMappings())), []);
    await stack.destroy();
    t.deepEqual(await corner.mapped(), [`default-roles-${corner.realm.name}`]);
  },
);

test.serial("correct mappings are adopted and left alone, without a write", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser();
  await corner.makeRole();
  await corner.map(corner.roleName, "offline_access", "uma_authorization");
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  const writes = await corner.writes(async () => {
    t.like((await stack.up(corner.roleMappings()))[0], { plan: "adopt" });
    t.true(stack.outs("role-mappings").adopted);
    t.deepEqual(await stack.up(corner.roleMappings()), []);
    await stack.refresh();
    await stack.destroy();
  });
  t.deepEqual(writes, []);
  asBefore(t, await corner.realm.snapshot(), before);
});

for (const missing of [0, 1, 2]) {
  const nameOf = (corner: Corner) =>
    [corner.roleName, "offline_access", "uma_authorization"][missing] ?? corner.roleName;
  const what = ["customer", "offline_access", "uma_authorization"][missing];

  test.serial(
    `adopting without ${what}: shown, mapped, and unmapped by destroy; the others stay`,
    async (t) => {
      const corner = await Corner.of(t);
      await corner.makeUser();
      await corner.makeRole();
      const name = nameOf(corner);
      await corner.map(
        ...[corner.roleName, "offline_access", "uma_authorization"].filter((role) => role !== name),
      );
      const before = await corner.mapped();
      const stack = new Stack();
      const [step] = await stack.up(corner.roleMappings());
      t.deepEqual(step?.corrects, { [name]: "not mapped" });
      t.deepEqual(await corner.mapped(), direct(corner));
      await stack.destroy();
      t.deepEqual(await corner.mapped(), before);
    },
  );

  test.serial(`${what} unmapped by hand is the only drift shown, and is mapped again`, async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    await stack.up(...corner.all());
    const name = nameOf(corner);
    await corner.unmap(name);
    t.deepEqual(await stack.preview(...corner.all()), [
      { name: "role-mappings", op: "update", drift: { [name]: "not mapped" } },
    ]);
    await stack.up(...corner.all());
    t.deepEqual(await corner.mapped(), direct(corner));
    t.deepEqual(await stack.preview(...corner.all()), []);
  });
}

test.serial("other people's mappings are not drift, and stay when ours are removed", async (t) => {
  const corner = await Corner.of(t);
  const other = new Corner(corner.realm);
  t.teardown(() => other.clear());
  await other.makeRole();
  await corner.makeUser();
  await corner.makeRole();
  const stack = new Stack();
  await stack.up(corner.roleMappings());
  await corner.map(other.roleName);
  const { id } = await corner.user();
  const account = await corner.realm.client("account");
  const viewProfile = await corner.realm.admin("GET", `/clients/${account.id}/roles/view-profile`);
  await corner.realm.admin("POST", `/users/${id}/role-mappings/clients/${account.id}`, [viewProfile]);
  t.deepEqual(await stack.preview(corner.roleMappings()), []);
  await stack.destroy();
  t.deepEqual(await corner.mapped(), [`default-roles-${corner.realm.name}`, other.roleName].toSorted());
  t.is((await corner.realm.admin("GET", `/users/${id}/role-mappings/clients/${account.id}`)).length, 1);
});

test.serial("a role that leaves the program is no longer watched; destroy still unmaps it", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser();
  await corner.makeRole();
  const stack = new Stack();
  await stack.up(corner.roleMappings());
  await stack.up(corner.roleMappings({ roles: [corner.roleName] }));
  await stack.destroy();
  t.deepEqual(await corner.mapped(), [`default-roles-${corner.realm.name}`]);
});

test.serial(
  "a mapping that somebody has removed does not keep destroy from removing the others",
  async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser();
    await corner.makeRole();
    const stack = new Stack();
    await stack.up(corner.roleMappings());
    await corner.unmap("offline_access");
    await stack.destroy();
    t.deepEqual(await corner.mapped(), [`default-roles-${corner.realm.name}`]);
  },
);

test.serial(
  "the user deleted by hand: shown for the user and its parts, and all are recreated",
  async (t) => {
    const corner = await Corner.of(t);
    const before = await corner.realm.snapshot();
    const stack = new Stack();
    await stack.up(...corner.all());
    await corner.deleteUser();
    t.deepEqual(
      (await stack.preview(...corner.all())).map(({ name, op, drift }) => [name, op, drift]),
      [
        ["user", "update", { user: "missing" }],
        ["password", "update", { password: "missing" }],
        ["role-mappings", "update", { roleMappings: "missing" }],
      ],
    );
    await stack.up(...corner.all());
    t.deepEqual(await corner.mapped(), direct(corner));
    t.deepEqual(await stack.preview(...corner.all()), []);
    await stack.destroy();
    asBefore(t, await corner.realm.snapshot(), before);
  },
);

test.serial("the role deleted by hand: recreated and mapped by the same up", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(...corner.all());
  await corner.deleteRole();
  t.deepEqual(
    (await stack.preview(...corner.all())).map(({ name, drift }) => [name, drift]),
    [
      ["role", { realmRole: "missing" }],
      ["role-mappings", { [corner.roleName]: "not mapped" }],
    ],
  );
  await stack.up(...corner.all());
  t.deepEqual(await corner.mapped(), direct(corner));
  t.deepEqual(await stack.preview(...corner.all()), []);
});

test.serial("a role that the realm lacks is refused in the preview, by name", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser();
  await corner.makeRole();
  const program = corner.roleMappings({ roles: [corner.roleName, "no-such-role"] });
  const error = await t.throwsAsync(new Stack().preview(program), { instanceOf: CheckFailure });
  t.regex(error.message, /Mapping realm role 'no-such-role' to user .*the realm has no such role/);
  t.deepEqual(await corner.mapped(), [`default-roles-${corner.realm.name}`]);
});

test.serial("a missing user: the error says so", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeRole();
  const error = await t.throwsAsync(new Stack().up(corner.roleMappings()));
  t.regex(error.message, /^Ensuring role mappings of user .* failed: the user is not there/);
});

test.serial("our mappings stay if another stack's mark is on the adopted user", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser();
  const [first, second] = [new Stack(), new Stack()];
  await first.up(...corner.all());
  await second.up(...corner.all());
  warned();
  await first.destroy();
  t.deepEqual(await corner.mapped(), direct(corner));
  t.regex(warned().join("\n"), /Role mappings of user .* left in place, because another stack/);
});
