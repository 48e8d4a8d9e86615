// The user on a real realm: created, adopted, checked for drift, corrected and restored. Nothing else is touched.
import test from "ava";
import { withoutPasswords } from "../../rig/keycloak/by-hand.ts";
import { server } from "../../rig/keycloak/realm.ts";
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

/** Older releases have no user profile, or a preview of it. */
const hasProfile = server.isFrom("24.0.0");
const withProfile = hasProfile ? test.serial : test.serial.skip;

const permissions = { view: ["admin", "user"], edit: ["admin", "user"] };

test.serial(
  "a missing user is created as the realm's profile requires, and removed by destroy",
  async (t) => {
    const corner = await Corner.of(t);
    const before = await corner.realm.snapshot();
    const stack = new Stack();
    t.deepEqual(await stack.preview(corner.customer()), [{ name: "user", op: "create", plan: "create" }]);
    asBefore(t, await corner.realm.snapshot(), before);
    await stack.up(corner.customer());
    const user = await corner.user();
    t.like(user, { enabled: true, emailVerified: true, lastName: hasProfile ? "CX" : undefined });
    t.regex(user.email ?? "", hasProfile ? /@.*\.invalid$/ : /^$/);
    t.is(user.firstName !== undefined, hasProfile);
    t.is(user.attributes, undefined);
    t.like(stack.outs("user"), { adopted: false, uuid: user.id });
    t.deepEqual(await corner.writes(() => stack.up(corner.customer())), []);
    await stack.destroy();
    asBefore(t, await corner.realm.snapshot(), before);
    t.deepEqual(warned(), []);
  },
);

test.serial("the user gets the configured profile", async (t) => {
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

test.serial("a correct user is adopted and left alone, without a write", async (t) => {
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
  ...(hasProfile && {
    email: { made: { email: "" }, words: "missing" },
    firstName: { made: { firstName: "" }, words: "missing" },
  }),
  lastName: {
    made: { lastName: "Somebody" },
    profile: { lastName: "Customer" },
    words: "differs from the configured value",
  },
};

for (const [field, { made, profile = {}, words }] of Object.entries(wrong)) {
  test.serial(`adopting with a wrong ${field}: shown, corrected, and restored by destroy`, async (t) => {
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

  test.serial(`a changed ${field} is the only drift shown, and the next up corrects it`, async (t) => {
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

test.serial("what is not ours on the user survives update and destroy", async (t) => {
  if (hasProfile) await profile(t, (given) => ({ ...given, unmanagedAttributePolicy: "ENABLED" }));
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
  // The password had no label, and Keycloak cannot remove one again.
  asBefore(t, withoutPasswords(await corner.realm.snapshot()), withoutPasswords(before));
});

test.serial(
  "our mark replaces somebody's label on the password, and destroy restores the label",
  async (t) => {
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
  },
);

withProfile("attributes of others that are named like our fields are theirs, and no drift", async (t) => {
  await profile(t, (given) => ({ ...given, unmanagedAttributePolicy: "ENABLED" }));
  const corner = await Corner.of(t);
  await corner.makeUser({ attributes: { enabled: ["no"], emailVerified: ["later"] }, enabled: false });
  const before = await corner.user();
  const stack = new Stack();
  await stack.up(corner.customer());
  t.like(await corner.user(), { enabled: true, attributes: before.attributes });
  t.deepEqual(await stack.preview(corner.customer()), []);
  await stack.destroy();
  t.deepEqual(await corner.user(), before);
});

withProfile("where admins may rename users, an attribute is written and the name stays", async (t) => {
  await profile(t, (given) => ({ ...given, unmanagedAttributePolicy: "ENABLED" }));
  await renames(t);
  const corner = await Corner.of(t);
  await corner.makeUser();
  const before = await corner.user();
  const stack = new Stack();
  const program = corner.customer({ profile: { phone: "0123" } });
  await stack.up(program);
  t.deepEqual((await corner.user()).attributes, { phone: ["0123"] });
  t.deepEqual(await stack.preview(program), []);
  await stack.destroy();
  t.deepEqual(await corner.user(), before);
});

withProfile(
  "a custom attribute that the profile requires gets a value, and destroy removes it",
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

withProfile(
  "no value can be guessed for a required attribute: the preview fails and names the setting",
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

withProfile("an attribute that the profile requires only later is drift of the user", async (t) => {
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

test.serial(
  "upper case in the username causes no endless drift, although Keycloak stores lower case",
  async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    const program = corner.customer({ username: corner.username.toUpperCase() });
    await stack.up(program);
    t.truthy(await corner.user());
    t.deepEqual(await stack.preview(program), []);
    await stack.destroy();
    t.is(await corner.user(), undefined);
  },
);

test.serial("a user whose name merely begins the same is another user", async (t) => {
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

test.serial("deleted by hand: shown as missing, and recreated by up", async (t) => {
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

test.serial("adopted, then recreated by hand: shown, adopted again, never removed", async (t) => {
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

test.serial("destroy leaves our user if its password was reset by hand, and says so", async (t) => {
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
  "adopted, corrected, then changed by hand: that field stays, the others are restored",
  async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser({ enabled: false, email: "" });
    const stack = new Stack();
    await stack.up(corner.customer({ profile: { email: `${corner.username}@cx.example` } }));
    await corner.changeUser({ email: "somebody@example.com" });
    await stack.destroy();
    t.like(await corner.user(), { enabled: false, email: "somebody@example.com" });
    t.regex(warned().join("\n"), /email was not put back, because somebody has changed it since/);
  },
);

test.serial(
  "renamed by hand: told by a preview, refused by up, kept by refresh, named by destroy",
  async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    const program = [corner.customer(), corner.password()];
    await stack.up(...program);
    const user = await corner.user();
    await renames(t);
    const name = `kunde-${corner.username}`;
    await corner.realm.admin("PUT", `/users/${user.id}`, { username: name });
    t.teardown(() => corner.realm.admin("DELETE", `/users/${user.id}`));
    warned();
    t.deepEqual(
      (await stack.preview(...program)).map(({ name, drift }) => [name, drift]),
      [
        ["user", { user: "missing" }],
        ["password", { password: "missing" }],
      ],
    );
    t.regex(
      warned().join("\n"),
      new RegExp(`^User '.*it was renamed, and is now user '${name}': rename it back`),
    );
    await t.throwsAsync(stack.up(...program), {
      message: /^Ensuring user .* failed: it was renamed, and is now user 'kunde-/,
    });
    t.is(await corner.user(), undefined);
    await stack.refresh();
    t.true(stack.state.has("user"));
    warned();
    await stack.destroy();
    t.truthy(await corner.realm.user(name));
    t.regex(warned().join("\n"), /User '.* left in place, because it was renamed, and is now user 'kunde-/);
  },
);

test.serial("renamed by hand, and followed by the program: held on to, and removed by destroy", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.customer(), corner.password());
  const user = await corner.user();
  await renames(t);
  const username = `kunde-${corner.username}`;
  await corner.realm.admin("PUT", `/users/${user.id}`, { username });
  await stack.up(corner.customer({ username }), corner.password({ username }));
  t.is((await corner.realm.user(username)).id, user.id);
  warned();
  await stack.destroy();
  t.is(await corner.realm.user(username), undefined);
  t.deepEqual(warned(), []);
});

/** Lets admins rename users for one test. */
async function renames(t: { teardown(action: () => Promise<unknown>): void }): Promise<void> {
  const realm = await sharedRealm();
  await realm.admin("PUT", "", { editUsernameAllowed: true });
  t.teardown(() => realm.admin("PUT", "", { editUsernameAllowed: false }));
}

test.serial(
  "where the email address is the username, a profile that would rename the user is refused",
  async (t) => {
    const corner = await Corner.of(t);
    const username = `${corner.username}@cx.example`;
    await corner.makeUser({ username, email: username, enabled: false, password: null });
    const found = await corner.realm.user(username);
    t.teardown(() => corner.realm.admin("DELETE", `/users/${found.id}`));
    await corner.realm.admin("PUT", "", { registrationEmailAsUsername: true });
    t.teardown(() => corner.realm.admin("PUT", "", { registrationEmailAsUsername: false }));
    const other = corner.customer({ username, profile: { email: "other@cx.example" } });
    await t.throwsAsync(new Stack().preview(other), {
      message: /Setting enabled, email of user .* would rename the user/,
    });
    const fresh = corner.customer({ username: `new-${username}`, profile: { email: "other@cx.example" } });
    await t.throwsAsync(new Stack().preview(fresh), { message: /would rename the user/ });
    const stack = new Stack();
    await stack.up(corner.customer({ username }));
    t.like(await corner.realm.user(username), { username, email: username, enabled: true });
    await stack.destroy();
    t.deepEqual(await corner.realm.user(username), found);
  },
);

test.serial(
  "where the email address is the username, a user of another name is adopted as it is, or refused",
  async (t) => {
    const corner = await Corner.of(t);
    const switched = (registrationEmailAsUsername: boolean) =>
      corner.realm.admin("PUT", "", { registrationEmailAsUsername });
    t.teardown(() => switched(false));
    await corner.makeUser();
    const before = await corner.realm.snapshot();
    await switched(true);
    const program = [corner.customer(), corner.password()];
    const stack = new Stack();
    t.like((await stack.up(...program))[0], { plan: "adopt" });
    t.deepEqual(await stack.preview(...program), []);
    await stack.destroy();
    await switched(false);
    asBefore(t, await corner.realm.snapshot(), before);

    for (const change of [
      { enabled: false },
      { emailVerified: false },
      { requiredActions: ["VERIFY_EMAIL"] },
    ]) {
      await corner.changeUser({ enabled: true, emailVerified: true, requiredActions: [], ...change });
      const changed = await corner.user();
      await switched(true);
      await t.throwsAsync(new Stack().preview(...program), {
        instanceOf: CheckFailure,
        message: /of user '.*' in realm '.*' would rename the user: .*give the user its username as email/,
      });
      await switched(false);
      t.deepEqual(await corner.user(), changed);
    }
  },
);

test.serial(
  "an email address that another user has is refused in the preview, with what to do",
  async (t) => {
    const corner = await Corner.of(t);
    const profile = { email: `Mail-${corner.username}@CX.example` };
    const stack = new Stack();
    await stack.up(corner.customer({ profile }), corner.password());
    t.deepEqual(
      await stack.preview(corner.customer({ profile }), corner.password()),
      [],
      "capitals are no drift",
    );
    const username = `new-${corner.username}`;
    const renamed = (inputs: object) => [
      corner.customer({ username, ...inputs }),
      corner.password({ username }),
    ];
    await t.throwsAsync(stack.preview(...renamed({ profile })), {
      instanceOf: CheckFailure,
      message: new RegExp(`user '${corner.username}' has it.*leave the email address out for one 'up'`),
    });
    await stack.up(...renamed({}));
    t.is(await corner.user(), undefined);
    await stack.up(...renamed({ profile }));
    t.is((await corner.realm.user(username)).email, profile.email.toLowerCase());
    await stack.destroy();
    t.is(await corner.realm.user(username), undefined);
  },
);

withProfile("so is the one that a user would get because the profile requires it", async (t) => {
  const corner = await Corner.of(t);
  const { realm, username } = corner;
  await new Stack().up(corner.customer());
  const { email } = await corner.user();
  await corner.deleteUser();
  const other = `${username}-other`;
  await corner.makeUser({ username: other, email });
  t.teardown(async () => realm.admin("DELETE", `/users/${(await realm.user(other)).id}`));
  // Without an email address, as an import may leave a user.
  const users = [{ username, enabled: true, emailVerified: true, firstName: "By", lastName: "Hand" }];
  await realm.admin("POST", "/partialImport", { ifResourceExists: "FAIL", users });
  const message = new RegExp(`cannot have the email address .* requires one: user '${other}' has it`);
  await t.throwsAsync(new Stack().preview(corner.customer()), { message });
});

const refused: Readonly<Record<string, RegExp>> = {
  enabled: /'enabled' is not an attribute of the user profile/,
  username: /'username' is not an attribute/,
  firstName: /'firstName' is blank: leave it out/,
  ...(hasProfile && {
    unmanaged: /'unmanaged' is not in the realm's user profile, so Keycloak would drop it/,
    email: /'email' does not pass its validator: an email address/,
  }),
};

for (const [name, message] of Object.entries(refused)) {
  test.serial(`a profile value that Keycloak would refuse or drop fails the preview: ${name}`, async (t) => {
    const corner = await Corner.of(t);
    const program = corner.customer({ profile: { [name]: name === "firstName" ? " " : "false" } });
    await t.throwsAsync(new Stack().preview(program), { instanceOf: CheckFailure, message });
  });
}

withProfile("an attribute that the realm requires of admins only gets a value", async (t) => {
  await profile(t, (given) => ({
    ...given,
    attributes: [...given.attributes, { name: "cost", required: { roles: ["admin"] }, permissions }],
  }));
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.customer());
  t.truthy((await corner.user()).attributes.cost);
  t.deepEqual(await stack.preview(corner.customer()), []);
});

withProfile(
  "a required attribute that admins may not edit fails the preview, unless the user has it",
  async (t) => {
    const corner = await Corner.of(t);
    await profile(t, (given) => ({ ...given, unmanagedAttributePolicy: "ENABLED" }));
    await corner.makeUser({ attributes: { badge: ["B"] } });
    const badge = { name: "badge", required: { roles: ["user"] } };
    await profile(t, (given) => ({
      ...given,
      attributes: [
        ...given.attributes,
        { ...badge, permissions: { view: ["admin", "user"], edit: ["user"] } },
      ],
    }));
    t.deepEqual(await new Stack().preview(corner.customer()), [
      { name: "user", op: "create", plan: "adopt" },
    ]);
    await corner.deleteUser();
    await t.throwsAsync(new Stack().preview(corner.customer()), {
      instanceOf: CheckFailure,
      message: /requires attribute 'badge' of user '.*', and admins may not edit it: change its permissions/,
    });
  },
);

withProfile(
  "what Keycloak does not let anybody put back stays, with a warning, and the rest is restored",
  async (t) => {
    const corner = await Corner.of(t);
    await profile(t, (given) => ({ ...given, unmanagedAttributePolicy: "ENABLED" }));
    await corner.makeUser({ attributes: { site: ["west"] }, enabled: false, firstName: "" });
    const before = await corner.user();
    await profile(t, (given) => ({
      ...given,
      attributes: [
        ...given.attributes,
        { name: "cost", required: { roles: ["admin"] }, permissions },
        { name: "site", validations: { options: { options: ["north"] } }, permissions },
      ],
    }));
    const stack = new Stack();
    await stack.up(corner.customer({ profile: { site: "north", cost: "7" } }));
    t.deepEqual((await corner.user()).attributes, { site: ["north"], cost: ["7"] });
    warned();
    await stack.destroy();
    t.deepEqual(await corner.user(), { ...before, attributes: { site: ["north"], cost: ["7"] } });
    const said = warned().join("\n");
    t.regex(said, /cost was not put back, because the realm's user profile requires it/);
    t.regex(
      said,
      /site was not put back, because the realm's user profile no longer takes the earlier value/,
    );
  },
);

withProfile("an email address that became the username stays, with a warning", async (t) => {
  const corner = await Corner.of(t);
  const username = `${corner.username}@cx.example`;
  await corner.makeUser({ username, email: "", enabled: false });
  const before = await corner.realm.user(username);
  t.teardown(() => corner.realm.admin("DELETE", `/users/${before.id}`));
  await corner.realm.admin("PUT", "", { registrationEmailAsUsername: true });
  t.teardown(() => corner.realm.admin("PUT", "", { registrationEmailAsUsername: false }));
  const stack = new Stack();
  await stack.up(corner.customer({ username }));
  t.like(await corner.realm.user(username), { email: username, enabled: true });
  warned();
  await stack.destroy();
  t.deepEqual(await corner.realm.user(username), { ...before, email: username });
  t.regex(
    warned().join("\n"),
    /email was not put back, because the realm takes the email address as username/,
  );
});

test.serial("the preview says that a new user will be asked to set up OTP", async (t) => {
  const corner = await Corner.of(t);
  const action = await corner.realm.admin("GET", "/authentication/required-actions/CONFIGURE_TOTP");
  const asDefault = (defaultAction: boolean) =>
    corner.realm.admin("PUT", "/authentication/required-actions/CONFIGURE_TOTP", {
      ...action,
      defaultAction,
    });
  await asDefault(true);
  t.teardown(() => asDefault(false));
  await new Stack().preview(corner.customer());
  t.regex(warned().join("\n"), /asks every new user to set up OTP .*'Set as default action'/);
});

for (const empty of ["realm", "username"]) {
  test.serial(`an empty or undefined ${empty} is refused by name`, async (t) => {
    const corner = await Corner.of(t);
    for (const value of ["", undefined]) {
      await t.throwsAsync(new Stack().preview(corner.customer({ [empty]: value })), {
        instanceOf: CheckFailure,
        message: new RegExp(`'${empty}' is empty or undefined: see where the program takes it from`),
      });
    }
  });
}
