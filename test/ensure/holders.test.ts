// Who holds an object, across commands, stacks and changes by hand: the pitfalls of docs/design.md ("Ownership") on
// a real realm. Nothing may be removed or restored that has become somebody else's.
import test from "ava";
import { server } from "../../rig/keycloak/realm.ts";
import {
  asBefore,
  Corner,
  configured,
  deleteRealm,
  perhapsReplaced,
  sharedRealm,
  warned,
} from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

const children = ["audience", "role", "user", "password", "role-mappings"];
const elsewhere = server.otherUrl;

/** Does everything exist, and does it work? */
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
  "one stack: up creates all, a second up changes nothing, destroy leaves the realm as it was",
  async (t) => {
    const corner = await Corner.of(t);
    const before = await corner.realm.snapshot();
    const stack = new Stack();
    t.deepEqual(
      (await stack.preview(...corner.all())).map(({ name, op, plan }) => [name, op, plan]),
      children.flatMap((name) =>
        // Password and role mappings are planned as well, although their user does not exist yet.
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

test.serial("two stacks: destroying the first takes nothing away from the second", async (t) => {
  const corner = await Corner.of(t);
  const [first, second] = [new Stack(), new Stack()];
  await first.up(...corner.all());
  const plans = await second.preview(...corner.all());
  t.deepEqual(
    plans.map(({ name, plan, corrects }) => [name, plan, corrects]),
    children.map((name) => [name, "adopt", name === "password" ? perhapsReplaced : undefined]),
  );
  await second.up(...corner.all());
  t.deepEqual(await first.preview(...corner.all()), [], "the first stack sees no drift");
  t.deepEqual(await second.preview(...corner.all()), []);

  warned();
  await first.destroy();
  t.true(await isReady(corner), "the second stack still has everything");
  t.true(warned().some((text) => /another stack has adopted it/.test(text)));
  t.deepEqual(await second.preview(...corner.all()), []);

  await second.destroy();
  t.true(await isReady(corner), "the second stack did not create it, so it does not remove it");
});

test.serial("two stacks: destroying the second, then the first, leaves the realm as it was", async (t) => {
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
});

test.serial(
  "two stacks with different passwords: the first shows drift, and its destroy takes nothing away",
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
  "a component renamed twice, with a refresh in between, still leaves the realm as it was",
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
      // The password's label now carries the renamed user's mark. The parts are left, and go with the user.
      if (child !== "user") t.deepEqual(warned(), []);
    },
  );
}

test.serial(
  "renaming a component that had changed adopted objects removes nothing, and names what destroy will not restore",
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

test.serial("with a refresh in the same command, a rename still restores adopted objects", async (t) => {
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
});

test.serial("the next up finishes a rename that was interrupted", async (t) => {
  const corner = await Corner.of(t);
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  await stack.up(...corner.all({}, "old-"));
  const old = new Map(stack.state);
  await stack.up(...corner.all({}, "new-"));
  // Killed before the old resources left the state, which now holds both. Their deletes have already run and moved
  // the marks, which is the harder case.
  for (const [name, recorded] of stack.state) old.set(name, recorded);
  stack.state = old;
  await stack.up(...corner.all({}, "new-"));
  t.true(await isReady(corner));
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
});

test.serial("an object declared twice is removed only with the last of the two", async (t) => {
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

test.serial("an object declared twice survives if the first declaration goes", async (t) => {
  const corner = await Corner.of(t);
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  await stack.up(...corner.all({}, "one-"), ...corner.all({}, "two-"));
  await stack.up(...corner.all({}, "two-"));
  t.true(await isReady(corner));
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
});

test.serial("destroy leaves what somebody deleted and recreated by hand, and says so", async (t) => {
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
  "the next up adopts what was recreated by hand; destroy then restores it and removes nothing",
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

test.serial("the record of what was found survives refresh, drift, update and another refresh", async (t) => {
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

test.serial("another username in the program creates a new user and removes the old one", async (t) => {
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
  "another server: up adopts there, and destroy removes nothing recorded on the earlier one",
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

test.serial("a connection namespace for another server counts as another server too", async (t) => {
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

test.serial("a refresh while the stack talks to another server leaves the state as it is", async (t) => {
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
