// The user on a real realm: made, adopted, watched, put right, put back; never more than is asked for.
import test from "ava";
import { withoutPasswords } from "../../rig/keycloak/by-hand.ts";
import { asBefore, Corner, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { CheckFailure, Stack } from "../support/engine.ts";
import { differences } from "../support/given.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

/** Changes the realm's user profile for one test. */
async function profile(
  t: { teardown(action: () => Promise<unknown>): void },
  change: (given: { attributes: object[]; unmanagedAttributePolicy?: string }) => object,
) {
  const realm = await sharedRealm();
  const given = await realm.admin("GET", "/users/profile");
  t.teardown(() => realm.admin("PUT", "/users/profile", given));
  await realm.admin("PUT", "/users/profile", change(given));
}

const permissions = { view: ["admin", "user"], edit: ["admin", "user"] };

test.serial(
  "made where there is none, complete as the realm's profile requires, and removed again",
  async (t) => {
    const corner = await Corner.of(t);
    const before = await corner.realm.snapshot();
    const stack = new Stack();
    t.deepEqual(await stack.preview(corner.customer()), [{ name: "user", op: "create", plan: "create" }]);
    asBefore(t, await corner.realm.snapshot(), before);
    await stack.up(corner.customer());
    const user = await corner.user();
    t.like(user, { enabled: true, emailVerified: true, lastName: "CX" });
    t.regex(user.email, /@.*\.invalid$/);
    t.truthy(user.firstName);
    t.is(user.attributes, undefined);
    t.like(stack.outs("user"), { adopted: false, uuid: user.id });
    t.deepEqual(await corner.writes(() => stack.up(corner.customer())), []);
    await stack.destroy();
    asBefore(t, await corner.realm.snapshot(), before);
    t.deepEqual(warned(), []);
  },
);

test.serial("a configured profile is what the user gets", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  const given = { email: `${corner.username}@cx.example`, firstName: "Widget", lastName: "Customer" };
  await stack.up(corner.customer({ profile: given }));
  t.like(await corner.user(), given);
  const changed = corner.customer({ profile: { ...given, firstName: "Chat" } });
  t.deepEqual(await stack.preview(changed), [
    {
      name: "user",
      op: "update",
      drift: { firstName: "differs from the configured value" },
      changed: ["profile"],
    },
  ]);
  await stack.up(changed);
  t.like(await corner.user(), { ...given, firstName: "Chat" });
});

test.serial("one that is right is adopted, and left, without a write", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser();
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  const writes = await corner.writes(async () => {
    t.deepEqual(
      (await stack.up(corner.customer())).map(({ plan, corrects }) => [plan, corrects]),
      [["adopt", undefined]],
    );
    t.true(stack.outs("user").adopted);
    t.deepEqual(await stack.up(corner.customer()), []);
    await stack.refresh();
    await stack.destroy();
  });
  t.deepEqual(writes, []);
  asBefore(t, await corner.realm.snapshot(), before);
});

const wrong: Record<string, { made: Record<string, unknown>; profile?: object; words: string }> = {
  enabled: { made: { enabled: false }, words: "false, should be true" },
  emailVerified: { made: { emailVerified: false }, words: "false, should be true" },
  email: { made: { email: "" }, words: "missing" },
  firstName: { made: { firstName: "" }, words: "missing" },
  lastName: {
    made: { lastName: "Somebody" },
    profile: { lastName: "Customer" },
    words: "differs from the configured value",
  },
};

for (const [field, { made, profile = {}, words }] of Object.entries(wrong)) {
  test.serial(`adopted with a wrong ${field}: named, put right, and put back as it was`, async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser(made);
    const before = await corner.user();
    const stack = new Stack();
    const program = corner.customer({ profile });
    t.deepEqual(await stack.preview(program), [
      { name: "user", op: "create", plan: "adopt", corrects: { [field]: words } },
    ]);
    await stack.up(program);
    t.deepEqual(await stack.preview(program), []);
    t.like(await corner.user(), { enabled: true, emailVerified: true, ...profile });
    warned();
    await stack.destroy();
    t.deepEqual(await corner.user(), before);
    t.deepEqual(warned(), []);
  });

  test.serial(`a changed ${field} is named, alone, and put right by the next up`, async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    const program = [corner.realmRole(), corner.customer({ profile }), corner.password()];
    await stack.up(...program);
    const right = await corner.user();
    await corner.changeUser(made);
    t.deepEqual(await stack.preview(...program), [{ name: "user", op: "update", drift: { [field]: words } }]);
    await stack.up(...program);
    asBefore(t, await corner.user(), right);
    t.deepEqual(await stack.preview(...program), []);
    await stack.destroy();
    t.is(await corner.user(), undefined);
  });
}

test.serial("what is not ours on the user stays through update and destroy", async (t) => {
  await profile(t, (given) => ({ ...given, unmanagedAttributePolicy: "ENABLED" }));
  const corner = await Corner.of(t);
  await corner.realm.admin("POST", "/groups", { name: `group-${corner.username}` });
  await corner.realm.admin("POST", "/identity-provider/instances", {
    alias: `idp-${corner.username}`,
    providerId: "oidc",
    config: { clientId: "x", authorizationUrl: "https://x/a", tokenUrl: "https://x/t" },
  });
  await corner.makeUser({
    enabled: false,
    attributes: { phone: ["0123"], colours: ["red", "green"] },
    groups: [`group-${corner.username}`],
  });
  const { id } = await corner.user();
  await corner.realm.admin("POST", `/users/${id}/federated-identity/idp-${corner.username}`, {
    userId: "77",
    userName: "seventyseven",
  });
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  await stack.up(corner.customer());
  const during = withoutPasswords(await corner.realm.snapshot());
  t.deepEqual(differences(withoutPasswords(before), during), ["users.0.enabled: false → true"]);
  await stack.destroy();
  // The label of the password was empty, and Keycloak takes no empty one back.
  asBefore(t, withoutPasswords(await corner.realm.snapshot()), withoutPasswords(before));
});

test.serial("somebody's own label on the password gives way to our mark, and is put back", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser({ emailVerified: false });
  const [{ id }, credential] = [await corner.user(), await corner.passwordCredential()];
  await corner.realm.admin("PUT", `/users/${id}/credentials/${credential.id}/userLabel`, "my laptop");
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  await stack.up(corner.customer());
  t.regex((await corner.passwordCredential()).userLabel, /^keycloak-apisix /);
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
});

test.serial(
  "an attribute of the realm's own that the profile requires gets a value, and loses it again",
  async (t) => {
    await profile(t, (given) => ({
      ...given,
      attributes: [
        ...given.attributes,
        {
          name: "tenant",
          required: { roles: ["user"] },
          permissions,
          validations: { options: { options: ["blue", "red"] } },
        },
        { name: "forAdmins", required: { roles: ["admin"] }, permissions },
        { name: "notRequired", permissions },
      ],
    }));
    const corner = await Corner.of(t);
    await corner.makeUser({ attributes: { forAdmins: ["x"] } });
    const before = await corner.user();
    const stack = new Stack();
    t.deepEqual(await stack.preview(corner.customer()), [
      { name: "user", op: "create", plan: "adopt", corrects: { tenant: "missing" } },
    ]);
    await stack.up(corner.customer());
    t.deepEqual((await corner.user()).attributes, { tenant: ["blue"], forAdmins: ["x"] });
    t.deepEqual(await stack.preview(corner.customer()), []);
    await stack.up(corner.customer({ profile: { tenant: "red" } }));
    t.deepEqual((await corner.user()).attributes.tenant, ["red"]);
    await stack.destroy();
    t.deepEqual(await corner.user(), before);
  },
);

test.serial(
  "a required attribute that cannot be guessed is refused in preview, and the setting named",
  async (t) => {
    await profile(t, (given) => ({
      ...given,
      attributes: [
        ...given.attributes,
        {
          name: "contract",
          required: { roles: ["user"] },
          permissions,
          validations: { pattern: { pattern: "^C-[0-9]{6}$", "error-message": "" } },
        },
      ],
    }));
    const corner = await Corner.of(t);
    const error = await t.throwsAsync(new Stack().preview(corner.customer()), { instanceOf: CheckFailure });
    t.regex(error.message, /requires attribute 'contract' of user .*C-\[0-9\]\{6\}.*customerProfile/);
    const stack = new Stack();
    await stack.up(corner.customer({ profile: { contract: "C-123456" } }));
    t.deepEqual((await corner.user()).attributes, { contract: ["C-123456"] });
    t.deepEqual(await stack.preview(corner.customer({ profile: { contract: "C-123456" } })), []);
  },
);

test.serial("a required attribute added to the profile later is drift of the user", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.customer());
  await profile(t, (given) => ({
    ...given,
    attributes: [...given.attributes, { name: "later", required: { roles: ["user"] }, permissions }],
  }));
  t.deepEqual(await stack.preview(corner.customer()), [
    { name: "user", op: "update", drift: { later: "missing" } },
  ]);
});

test.serial("upper case in the username is Keycloak's lower case: no endless drift", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  const program = corner.customer({ username: corner.username.toUpperCase() });
  await stack.up(program);
  t.truthy(await corner.user());
  t.deepEqual(await stack.preview(program), []);
  await stack.destroy();
  t.is(await corner.user(), undefined);
});

test.serial("a user whose name only begins alike is another user", async (t) => {
  const corner = await Corner.of(t);
  await corner.realm.admin("POST", "/users", { username: `${corner.username}-2`, enabled: false });
  t.teardown(async () => {
    const other = await corner.realm.user(`${corner.username}-2`);
    await corner.realm.admin("DELETE", `/users/${other.id}`);
  });
  const stack = new Stack();
  t.like((await stack.up(corner.customer()))[0], { plan: "create" });
  await stack.destroy();
  t.false((await corner.realm.user(`${corner.username}-2`)).enabled);
});

test.serial("deleted by hand: named as missing, and made again", async (t) => {
  const corner = await Corner.of(t);
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  await stack.up(corner.customer());
  await corner.deleteUser();
  t.deepEqual(await stack.preview(corner.customer()), [
    { name: "user", op: "update", drift: { user: "missing" } },
  ]);
  await stack.up(corner.customer());
  t.deepEqual(await stack.preview(corner.customer()), []);
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
});

test.serial("adopted as it stood, then made anew by hand: shown, adopted again, never removed", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser();
  const stack = new Stack();
  await stack.up(corner.customer());
  await corner.deleteUser();
  await corner.makeUser();
  t.deepEqual(await stack.preview(corner.customer()), [
    { name: "user", op: "update", drift: { user: "made anew outside this stack" } },
  ]);
  await stack.up(corner.customer());
  t.deepEqual(await stack.preview(corner.customer()), []);
  await stack.destroy();
  t.truthy(await corner.user());
});

test.serial("our user whose password was reset by hand is left, and said so", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.customer(), corner.password());
  await corner.resetPassword("somebody's");
  warned();
  await stack.destroy();
  t.true(await corner.canLogIn("somebody's"));
  t.regex(
    warned().join("\n"),
    /User .* left in place, because our owner mark on it is gone .*password was reset/,
  );
});

test.serial(
  "adopted, put right, then changed by somebody: that field stays, the others go back",
  async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser({ enabled: false, email: "" });
    const stack = new Stack();
    await stack.up(corner.customer());
    await corner.changeUser({ email: "somebody@example.com" });
    await stack.destroy();
    t.like(await corner.user(), { enabled: false, email: "somebody@example.com" });
    t.regex(warned().join("\n"), /email was not put back, because somebody has changed it since/);
  },
);
