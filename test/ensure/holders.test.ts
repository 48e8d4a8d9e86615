// Who holds an object, over several commands, stacks and people: the traps of DESIGN ("Ownership"), on a real
// realm. What must never happen is that something is removed or put back that is another's by now.
import test from "ava";
import { server } from "../../rig/keycloak/realm.ts";
import { asBefore, Corner, configured, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

const children = ["audience", "role", "user", "password", "role-mappings"];
const elsewhere = server.otherUrl;

/** All that is there and works. */
async function isReady(corner: Corner): Promise<boolean> {
  const [mapper, role, user] = await Promise.all([corner.mapper(), corner.role(), corner.user()]);
  return (
    mapper?.config["access.token.claim"] === "true" &&
    role !== undefined &&
    user?.enabled === true &&
    (await corner.mapped()).includes(corner.roleName) &&
    (await corner.canLogIn(configured))
  );
}

test.serial(
  "one stack: up makes all, again changes nothing, destroy leaves the realm as it was",
  async (t) => {
    const corner = await Corner.of(t);
    const before = await corner.realm.snapshot();
    const stack = new Stack();
    t.deepEqual(
      (await stack.preview(...corner.all())).map(({ name, op, plan }) => [name, op, plan]),
      children.flatMap((name) =>
        // Its user is not there yet: in the CLI's preview these two are unknown no longer than until then.
        [[name, "create", "create"]],
      ),
    );
    await stack.up(...corner.all());
    t.true(await isReady(corner));
    for (const child of children) t.is(stack.outs(child).adopted, false, child);
    t.deepEqual(await corner.writes(() => stack.up(...corner.all())), []);
    t.deepEqual(await stack.preview(...corner.all()), []);
    await stack.destroy();
    asBefore(t, await corner.realm.snapshot(), before);
    t.deepEqual(warned(), []);
  },
);

test.serial(
  "two stacks: the first may go before the second, and nothing is taken from under it",
  async (t) => {
    const corner = await Corner.of(t);
    const [first, second] = [new Stack(), new Stack()];
    await first.up(...corner.all());
    const plans = await second.preview(...corner.all());
    t.deepEqual(
      plans.map(({ name, plan, corrects }) => [name, plan, corrects]),
      children.map((name) => [name, "adopt", undefined]),
    );
    await second.up(...corner.all());
    t.deepEqual(await first.preview(...corner.all()), [], "the first stack sees no drift");
    t.deepEqual(await second.preview(...corner.all()), []);

    warned();
    await first.destroy();
    t.true(await isReady(corner), "destroying the first stack leaves all to the second");
    t.true(warned().some((text) => /another stack has adopted it/.test(text)));
    t.deepEqual(await second.preview(...corner.all()), []);

    await second.destroy();
    t.true(await isReady(corner), "the second did not make it, so it does not remove it");
  },
);

test.serial(
  "two stacks: the second may go first, and the first then leaves the realm as it was",
  async (t) => {
    const corner = await Corner.of(t);
    const before = await corner.realm.snapshot();
    const [first, second] = [new Stack(), new Stack()];
    await first.up(...corner.all());
    await second.up(...corner.all());
    await second.destroy();
    t.true(await isReady(corner));
    t.deepEqual(await first.preview(...corner.all()), []);
    warned();
    await first.destroy();
    asBefore(t, await corner.realm.snapshot(), before);
    t.deepEqual(warned(), []);
  },
);

test.serial(
  "two stacks that want different passwords: the one that lost it shows that, and takes nothing away",
  async (t) => {
    const corner = await Corner.of(t);
    const [first, second] = [new Stack(), new Stack()];
    await first.up(...corner.all());
    const others = corner
      .all()
      .map((declared) =>
        declared.kind === "password"
          ? { ...declared, inputs: { ...declared.inputs, password: "the other one" } }
          : declared,
      );
    await second.up(...others);
    const seen = await first.preview(...corner.all());
    t.deepEqual(
      seen.map(({ name, op }) => [name, op]),
      [["password", "update"]],
    );
    await first.destroy();
    t.true(await corner.canLogIn("the other one"));
  },
);

test.serial(
  "a renamed component keeps everything, and its destroy still leaves the realm as it was",
  async (t) => {
    const corner = await Corner.of(t);
    const before = await corner.realm.snapshot();
    const stack = new Stack();
    await stack.up(...corner.all({}, "old-"));
    const [user, role, mapper] = [await corner.user(), await corner.role(), await corner.mapper()];
    warned();
    await stack.up(...corner.all({}, "new-"));
    t.deepEqual(
      [...stack.state.keys()],
      children.map((name) => `new-${name}`),
    );
    t.is((await corner.user()).id, user.id);
    t.is((await corner.role()).id, role.id);
    t.is((await corner.mapper()).id, mapper.id);
    t.true(await isReady(corner));
    t.deepEqual(await stack.preview(...corner.all({}, "new-")), []);
    await stack.destroy();
    asBefore(t, await corner.realm.snapshot(), before);
    t.deepEqual(warned(), []);
  },
);

test.serial(
  "a component renamed twice, with a refresh between, still leaves the realm as it was",
  async (t) => {
    const corner = await Corner.of(t);
    const before = await corner.realm.snapshot();
    const stack = new Stack();
    await stack.up(...corner.all({}, "a-"));
    await stack.up(...corner.all({}, "b-"));
    await stack.refresh();
    t.deepEqual(await stack.preview(...corner.all({}, "b-")), []);
    await stack.up(...corner.all({}, "c-"));
    await stack.refresh();
    await stack.destroy();
    asBefore(t, await corner.realm.snapshot(), before);
  },
);

for (const child of children) {
  test.serial(
    `renaming the ${child} alone keeps everything, and destroy leaves the realm as it was`,
    async (t) => {
      const corner = await Corner.of(t);
      const before = await corner.realm.snapshot();
      const stack = new Stack();
      await stack.up(...corner.all());
      const renamed = corner
        .all()
        .map((declared) => (declared.name === child ? { ...declared, name: `renamed-${child}` } : declared));
      await stack.up(...renamed);
      t.true(await isReady(corner));
      t.deepEqual(await stack.preview(...renamed), []);
      await stack.destroy();
      asBefore(t, await corner.realm.snapshot(), before);
      // The password's label names the renamed user: its parts are left, and then go with the user.
      if (child !== "user") t.deepEqual(warned(), []);
    },
  );
}

test.serial(
  "a renamed component that had adopted and changed things removes nothing, and names what it will not put back",
  async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser({ emailVerified: false });
    await corner.makeMapper({ "id.token.claim": "false" });
    await corner.makeRole();
    const stack = new Stack();
    await stack.up(...corner.all({}, "old-"));
    warned();
    await stack.up(...corner.all({}, "new-"));
    const words = warned();
    t.true(words.some((text) => /^User .* destroy will not put back: emailVerified\./.test(text)));
    t.true(
      words.some((text) => /^Audience mapper .* destroy will not put back: id\.token\.claim\./.test(text)),
    );
    t.true(await isReady(corner));
    await stack.destroy();
    t.true((await corner.user()).emailVerified);
    t.deepEqual((await corner.mapper()).config["keycloak-apisix.owner"], undefined);
    t.deepEqual((await corner.role()).attributes, {});
  },
);

test.serial(
  "a rename with a refresh in the same command still puts back what was adopted and changed",
  async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser({ emailVerified: false });
    await corner.makeMapper({ "id.token.claim": "false" });
    await corner.makeRole();
    const before = await corner.realm.snapshot();
    const stack = new Stack();
    await stack.up(...corner.all({}, "old-"));
    await stack.refreshAndUp(...corner.all({}, "new-"));
    for (const child of ["audience", "user", "role"]) t.is(stack.outs(`new-${child}`).adopted, true, child);
    t.true(await isReady(corner));
    await stack.destroy();
    const after = await corner.realm.snapshot();
    asBefore(t, after.clients, before.clients);
    asBefore(t, after.roles, before.roles);
    t.false((await corner.user()).emailVerified);
  },
);

test.serial("a rename whose end was cut off is finished by the next up", async (t) => {
  const corner = await Corner.of(t);
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  await stack.up(...corner.all({}, "old-"));
  const old = new Map(stack.state);
  await stack.up(...corner.all({}, "new-"));
  // Killed before the old ones were deleted: both are in the state. (The marks have moved on already; that the
  // deletes had run is the harder case of the two.)
  for (const [name, recorded] of stack.state) old.set(name, recorded);
  stack.state = old;
  await stack.up(...corner.all({}, "new-"));
  t.true(await isReady(corner));
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
});

test.serial("an object declared twice goes with the last of the two", async (t) => {
  const corner = await Corner.of(t);
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  const both = [...corner.all({}, "one-"), ...corner.all({}, "two-")];
  await stack.up(...both);
  t.deepEqual(await stack.preview(...both), []);
  await stack.up(...corner.all({}, "one-"));
  t.true(await isReady(corner), "the second is gone, the first still holds it");
  t.deepEqual(await stack.preview(...corner.all({}, "one-")), []);
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
});

test.serial("of an object declared twice the first may go", async (t) => {
  const corner = await Corner.of(t);
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  await stack.up(...corner.all({}, "one-"), ...corner.all({}, "two-"));
  await stack.up(...corner.all({}, "two-"));
  t.true(await isReady(corner));
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
});

test.serial("what was deleted and made again by hand is left by destroy, and said so", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(...corner.all());
  await Promise.all([corner.deleteUser(), corner.deleteMapper()]);
  await corner.deleteRole();
  await corner.makeUser({ password: configured });
  await corner.makeMapper();
  await corner.makeRole({ description: "by hand" });
  await corner.map(corner.roleName, "offline_access", "uma_authorization");
  const byHand = await corner.realm.snapshot();
  const steps = await stack.preview(...corner.all());
  t.deepEqual(
    steps.map(({ name, op, drift }) => [name, op, drift !== undefined]),
    [
      ["audience", "update", true],
      ["role", "update", true],
      ["user", "update", false],
      ["password", "update", true],
      ["role-mappings", "update", false],
    ],
  );
  warned();
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), byHand);
  const words = warned();
  for (const what of ["Realm role", "User", "Audience mapper"]) {
    t.true(
      words.some((text) => text.startsWith(what) && /made it again/.test(text)),
      `${what}: ${words.join("\n")}`,
    );
  }
});

test.serial(
  "what was made again by hand is adopted by the next up, and from then on put back, not removed",
  async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    await stack.up(...corner.all());
    await Promise.all([corner.deleteUser(), corner.deleteMapper()]);
    await corner.deleteRole();
    await corner.makeUser({ password: configured, emailVerified: false });
    await corner.makeMapper({ "id.token.claim": "false" });
    await corner.makeRole({ description: "by hand" });
    await stack.up(...corner.all());
    t.true(await isReady(corner));
    t.deepEqual(await stack.preview(...corner.all()), []);
    await stack.destroy();
    t.is((await corner.user()).emailVerified, false);
    t.is((await corner.mapper()).config["id.token.claim"], "false");
    t.is((await corner.role()).description, "by hand");
    t.deepEqual(
      (await corner.mapped()).filter((name) => name !== `default-roles-${corner.realm.name}`),
      [],
    );
  },
);

test.serial("what `before` says survives refresh, drift, update and refresh again", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser({ emailVerified: false, enabled: false });
  await corner.makeMapper({ "id.token.claim": "false" });
  const stack = new Stack();
  await stack.up(...corner.all());
  await stack.refresh();
  await corner.changeUser({ emailVerified: false });
  await corner.changeMapper({ "access.token.claim": "false" });
  await stack.refresh();
  const steps = await stack.up(...corner.all());
  t.deepEqual(steps.map(({ name }) => name).toSorted(), ["audience", "user"]);
  await stack.refresh();
  t.deepEqual(await stack.preview(...corner.all()), []);
  await stack.destroy();
  t.like(await corner.user(), { emailVerified: false, enabled: false });
  t.like((await corner.mapper()).config, { "id.token.claim": "false", "access.token.claim": "true" });
});

test.serial("a user who is renamed in the program is made anew, and the old one removed", async (t) => {
  const corner = await Corner.of(t);
  const other = new Corner(corner.realm);
  t.teardown(() => other.clear());
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  await stack.up(...corner.all());
  const program = corner.all({ username: other.username, mapper: other.mapperName });
  t.deepEqual(
    (await stack.preview(...program)).map(({ name, op }) => [name, op]),
    [
      ["audience", "replace"],
      ["user", "replace"],
      ["password", "replace"],
      ["role-mappings", "replace"],
    ],
  );
  await stack.up(...program);
  t.is(await corner.user(), undefined);
  t.is(await corner.mapper(), undefined);
  t.true(await other.canLogIn(configured));
  t.true((await other.mapped()).includes(corner.roleName));
  t.deepEqual(await stack.preview(...program), []);
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
  t.deepEqual(warned(), []);
});

test.serial(
  "another server: up adopts there, and destroy removes nothing that was recorded on the earlier one",
  async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    await stack.up(...corner.all());
    stack.config = { ...connection, "keycloak:url": elsewhere };
    t.deepEqual(
      (await stack.preview(...corner.all())).map(({ name, op }) => [name, op]),
      children.map((name) => [name, "update"]),
    );
    await stack.up(...corner.all());
    for (const child of children) t.is(stack.outs(child).server, `${elsewhere}/auth`, child);
    t.deepEqual(await stack.preview(...corner.all()), []);
    await stack.destroy();
    t.true(await isReady(corner), "found there, so left there");
  },
);

test.serial("another server: destroy without an up leaves everything, and names both servers", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(...corner.all());
  stack.config = { ...connection, "keycloak:url": elsewhere };
  warned();
  const writes = await corner.writes(() => stack.destroy());
  t.deepEqual(writes, []);
  t.true(await isReady(corner));
  const words = warned();
  t.is(words.length, children.length, words.join("\n"));
  for (const text of words) t.true(text.includes(server.address) && text.includes(`${elsewhere}/auth`), text);
});

test.serial("another server by another connection namespace is another server as well", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack({
    ...connection,
    "eu:url": elsewhere,
    "eu:basePath": server.basePath,
    "eu:username": server.username,
    "eu:password": server.password,
  });
  await stack.up(...corner.all());
  const moved = corner.all({ connection: "eu" });
  t.is((await stack.preview(...moved)).length, children.length);
  await stack.up(...moved);
  t.deepEqual(await stack.preview(...moved), []);
  await stack.destroy();
  t.true(await isReady(corner));
});

test.serial("a refresh while the stack talks to another server keeps the state's word", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(...corner.all());
  const state = [...stack.state].map(([name, { outs }]) => [name, outs.uuid, outs.server]);
  stack.config = { ...connection, "keycloak:url": elsewhere };
  await stack.refresh();
  t.deepEqual(
    [...stack.state].map(([name, { outs }]) => [name, outs.uuid, outs.server]),
    state,
  );
});
