// The password of a real user: set only if necessary, and never guessed.
import { pbkdf2Sync, randomBytes } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import { FaultyProxy } from "../../rig/faults/faulty-proxy.ts";
import { locksOut } from "../../rig/keycloak/realm.ts";
import {
  asBefore,
  Corner,
  configured,
  deleteRealm,
  noted,
  perhapsReplaced,
  sharedRealm,
  warned,
} from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

/** Changes the realm's settings for one test. */
async function settings(t: ExecutionContext, changes: Record<string, unknown>): Promise<void> {
  const realm = await sharedRealm();
  const given = await realm.admin("GET", "");
  t.teardown(() =>
    realm.admin("PUT", "", Object.fromEntries(Object.keys(changes).map((key) => [key, given[key] ?? ""]))),
  );
  await realm.admin("PUT", "", changes);
}

/** A password credential as an import has it: hashed, without the password itself. */
function hashed(value: string): object {
  const salt = randomBytes(16);
  const hashIterations = 27_500;
  const secret = pbkdf2Sync(value, salt, hashIterations, 64, "sha256").toString("base64");
  return {
    type: "password",
    secretData: JSON.stringify({ value: secret, salt: salt.toString("base64") }),
    credentialData: JSON.stringify({ hashIterations, algorithm: "pbkdf2-sha256" }),
  };
}

test.serial("a missing password is set as permanent, and removed by destroy", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser({ password: null });
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  t.like((await stack.preview(corner.password()))[0], { op: "create", plan: "create" });
  asBefore(t, await corner.realm.snapshot(), before);
  await stack.up(corner.password());
  t.true(await corner.canLogIn(configured));
  t.false(stack.outs("password").adopted);
  t.deepEqual(await corner.writes(() => stack.up(corner.password())), []);
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
  t.deepEqual(warned(), []);
});

test.serial("a correct password is adopted without a write, even if the policy forbids reuse", async (t) => {
  await settings(t, { passwordPolicy: "passwordHistory(3)" });
  const corner = await Corner.of(t);
  await corner.makeUser();
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  const writes = await corner.writes(async () => {
    t.deepEqual(await stack.preview(corner.password()), [
      { name: "password", op: "create", plan: "adopt", corrects: perhapsReplaced },
    ]);
    noted();
    await stack.up(corner.password());
    t.deepEqual(noted(), [
      `The password of user '${corner.username}' in realm '${corner.realm.name}' was already the configured one, and was left as it is.`,
    ]);
    t.true(stack.outs("password").adopted);
    t.deepEqual(await stack.preview(corner.password()), []);
    t.deepEqual(await stack.up(corner.password()), []);
    await stack.destroy();
  });
  t.deepEqual(writes, []);
  asBefore(t, await corner.realm.snapshot(), before);
  t.deepEqual(warned(), []);
});

test.serial("reset by hand to the same password: shown as drift, but not set again", async (t) => {
  await settings(t, { passwordPolicy: "passwordHistory(3)" });
  const corner = await Corner.of(t);
  await corner.makeUser({ password: "another" });
  const stack = new Stack();
  await stack.up(corner.password());
  await settings(t, { passwordPolicy: "" });
  await corner.resetPassword(configured);
  await settings(t, { passwordPolicy: "passwordHistory(3)" });
  t.like((await stack.preview(corner.password()))[0], { op: "update" });
  await stack.up(corner.password());
  t.true(await corner.canLogIn(configured));
  t.deepEqual(await stack.preview(corner.password()), []);
});

test.serial("adopting replaces a wrong password, and destroy says that it stays", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser({ password: "somebody's" });
  const stack = new Stack();
  const program = corner.password({ __neededBy: "the widget" });
  t.deepEqual((await stack.preview(program))[0]?.corrects, {
    password: "will be replaced unless it is already the configured one; the widget then needs the new one",
  });
  t.true(await corner.canLogIn("somebody's"), "a preview sets nothing");
  await stack.up(program);
  t.true(await corner.canLogIn(configured));
  t.deepEqual(warned(), [
    `The password of user '${corner.username}' in realm '${corner.realm.name}' was replaced by the configured one: the widget needs the new one.`,
  ]);
  t.deepEqual(await stack.preview(program), []);
  t.deepEqual(warned(), []);
  await stack.destroy();
  t.true(await corner.canLogIn(configured));
  t.regex(
    warned().join("\n"),
    /^Password of user .*password was not put back, because a password cannot be read/,
  );
});

test.serial("reset by hand: the preview shows when, without a login, and up sets it again", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  const program = [corner.customer(), corner.password(), corner.roleMappings({ roles: ["offline_access"] })];
  await stack.up(...program);
  await corner.resetPassword("somebody's");
  const steps = await stack.preview(...program);
  t.deepEqual(
    steps.map(({ name, op }) => [name, op]),
    [["password", "update"]],
  );
  t.regex(steps[0]?.drift?.password ?? "", /^reset on 20\d\d-\d\d-\d\d \d\d:\d\d UTC, outside this stack$/);
  t.true(await corner.canLogIn("somebody's"));
  await stack.up(...program);
  t.true(await corner.canLogIn(configured));
  t.deepEqual(await stack.preview(...program), []);
  await stack.destroy();
  t.is(await corner.user(), undefined, "the new password carries the owner mark too");
});

test.serial("changed in the configuration: the preview names the input, and shows no secret", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.customer(), corner.password());
  const program = [corner.customer(), corner.password({ password: "rotated 2!" })];
  const steps = await stack.preview(...program);
  t.deepEqual(steps, [{ name: "password", op: "update", changed: ["password"] }]);
  await stack.up(...program);
  t.true(await corner.canLogIn("rotated 2!"));
  t.false(await corner.canLogIn(configured));
  t.deepEqual(await stack.preview(...program), []);
  await stack.destroy();
  t.is(await corner.user(), undefined);
});

test.serial("set by hand first and configured later: not set again", async (t) => {
  await settings(t, { passwordPolicy: "passwordHistory(3)" });
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.customer(), corner.password());
  await corner.resetPassword("rotated 2!");
  await stack.up(corner.customer(), corner.password({ password: "rotated 2!" }));
  t.true(await corner.canLogIn("rotated 2!"));
  t.deepEqual(await stack.preview(corner.customer(), corner.password({ password: "rotated 2!" })), []);
});

test.serial("deleted by hand: shown as missing, and set again", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  const program = [corner.customer(), corner.password()];
  await stack.up(...program);
  await corner.deletePassword();
  t.deepEqual(await stack.preview(...program), [
    { name: "password", op: "update", drift: { password: "missing" } },
  ]);
  await stack.up(...program);
  t.true(await corner.canLogIn(configured));
  t.deepEqual(await stack.preview(...program), []);
});

test.serial("correct but temporary: shown, made permanent, and temporary again after destroy", async (t) => {
  await settings(t, { passwordPolicy: "passwordHistory(3)" });
  const corner = await Corner.of(t);
  await corner.makeUser({ temporary: true });
  const before = await corner.user();
  const stack = new Stack();
  const [step] = await stack.preview(corner.password());
  t.deepEqual(step?.corrects, {
    ...perhapsReplaced,
    requiredActions: "UPDATE_PASSWORD pending (the password is temporary), should be none",
  });
  await stack.up(corner.password());
  t.true(await corner.canLogIn(configured));
  await stack.destroy();
  t.deepEqual((await corner.user()).requiredActions, before.requiredActions);
});

test.serial("a wrong, temporary password is replaced by a permanent one", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser({ password: "somebody's", temporary: true });
  const stack = new Stack();
  await stack.up(corner.password());
  t.true(await corner.canLogIn(configured));
  await stack.destroy();
  t.deepEqual((await corner.user()).requiredActions, ["UPDATE_PASSWORD"]);
});

test.serial(
  "required actions are cleared and later restored; a pending OTP setup is left alone",
  async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser({ requiredActions: ["VERIFY_EMAIL", "CONFIGURE_TOTP", "UPDATE_PROFILE"] });
    const stack = new Stack();
    await stack.up(corner.password());
    t.deepEqual((await corner.user()).requiredActions, ["CONFIGURE_TOTP"]);
    t.deepEqual(await stack.preview(corner.password()), []);
    await stack.destroy();
    t.deepEqual((await corner.user()).requiredActions.toSorted(), [
      "CONFIGURE_TOTP",
      "UPDATE_PROFILE",
      "VERIFY_EMAIL",
    ]);
  },
);

test.serial("a required action added by hand is drift of the password only", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  const program = [corner.customer(), corner.password()];
  await stack.up(...program);
  await corner.changeUser({ requiredActions: ["VERIFY_EMAIL"] });
  t.deepEqual(await stack.preview(...program), [
    { name: "password", op: "update", drift: { requiredActions: "VERIFY_EMAIL pending, should be none" } },
  ]);
  await stack.up(...program);
  t.true(await corner.canLogIn(configured));
  t.deepEqual(await stack.preview(...program), []);
});

test.serial("a password that the policy refuses: the error says why, without the password", async (t) => {
  await settings(t, { passwordPolicy: "length(40)" });
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.customer());
  const error = await t.throwsAsync(stack.up(corner.customer(), corner.password()));
  t.regex(
    error.message,
    /Setting the password of user .*minimum length 40.*The realm's password policy decides/,
  );
  t.false(error.message.includes(configured));
  t.is(error.stack, "");
  await stack.destroy();
  t.is(await corner.user(), undefined);
});

test.serial(
  "the policy refuses the password while adopting: destroy leaves the user as it was",
  async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser({ password: "somebody's", requiredActions: ["VERIFY_EMAIL"] });
    const before = await corner.realm.snapshot();
    const given = await corner.realm.admin("GET", "");
    await settings(t, { passwordPolicy: "length(40)" });
    const stack = new Stack();
    await t.throwsAsync(stack.up(corner.password()), { message: /password policy/ });
    t.true(stack.state.has("password"), "the state keeps what is known so far");
    await corner.realm.admin("PUT", "", { passwordPolicy: given.passwordPolicy ?? "" });
    warned();
    await stack.destroy();
    asBefore(t, (await corner.realm.snapshot()).users, before.users);
  },
);

test.serial(
  "a user locked by brute-force detection is unlocked with a warning; the password stays",
  async (t) => {
    await settings(t, locksOut);
    const corner = await Corner.of(t);
    await corner.makeUser();
    await corner.realm.lockOut(corner.username);
    t.false(await corner.canLogIn(configured));
    const credential = await corner.passwordCredential();
    const stack = new Stack();
    await stack.preview(corner.password());
    t.false(await corner.canLogIn(configured), "a preview changes nothing");
    await stack.up(corner.password());
    t.true(await corner.canLogIn(configured));
    t.deepEqual(await corner.passwordCredential(), credential);
    t.regex(
      warned().join("\n"),
      /^User '.*' in realm '.*' was locked by brute-force detection after \d+ failed logins, and has been unlocked/,
    );
  },
);

test.serial(
  "a lock that ends by itself does not become permanent, whatever up and destroy write",
  async (t) => {
    await settings(t, locksOut);
    const corner = await Corner.of(t);
    await corner.makeUser({ emailVerified: false, requiredActions: ["UPDATE_PROFILE"] });
    const stack = new Stack();
    const program = [corner.customer(), corner.password()];
    await stack.up(...program);
    const isEnabled = async () => {
      await corner.realm.admin("DELETE", `/attack-detection/brute-force/users`);
      return (await corner.realm.admin("GET", `/users/${(await corner.user()).id}`)).enabled;
    };
    await corner.changeUser({ requiredActions: ["VERIFY_EMAIL"] });
    await corner.realm.lockOut(corner.username);
    await stack.up(...program);
    t.true(await isEnabled(), "after an up that cleared a required action");
    await corner.realm.lockOut(corner.username);
    await stack.destroy();
    t.true(await isEnabled(), "after a destroy that put one back");
    t.deepEqual((await corner.user()).requiredActions, ["UPDATE_PROFILE"]);
  },
);

test.serial("correcting a locked user leaves the lock; enabling one ends it, and says so", async (t) => {
  await settings(t, locksOut);
  const corner = await Corner.of(t);
  await corner.makeUser();
  const { id } = await corner.user();
  const isLocked = async () =>
    (await corner.realm.admin("GET", `/attack-detection/brute-force/users/${id}`)).disabled;
  const stack = new Stack();
  await stack.up(corner.customer());
  await corner.changeUser({ emailVerified: false });
  await corner.realm.lockOut(corner.username);
  await stack.up(corner.customer());
  t.true((await corner.realm.user(corner.username)).emailVerified);
  t.true(await isLocked());
  t.deepEqual(warned(), []);

  await corner.realm.admin("PUT", `/users/${id}`, { enabled: false });
  await stack.up(corner.customer());
  t.false(await isLocked());
  t.regex(warned().join("\n"), /was locked by brute-force detection .*, and has been unlocked/);
});

test.serial("a locked user without a password gets one and is unlocked, with a warning", async (t) => {
  await settings(t, locksOut);
  const corner = await Corner.of(t);
  await corner.makeUser({ password: null });
  await corner.realm.lockOut(corner.username);
  await new Stack().up(corner.password());
  t.true(await corner.canLogIn(configured));
  t.regex(warned().join("\n"), /was locked by brute-force detection .*, and has been unlocked/);
});

test.serial("one failed login short of a lock: our own login does not lock the account", async (t) => {
  await settings(t, locksOut);
  const corner = await Corner.of(t);
  await corner.makeUser({ password: "somebody's" });
  await corner.realm.failLogins(corner.username, locksOut.failureFactor - 1);
  await new Stack().up(corner.password());
  t.true(await corner.canLogIn(configured));
  t.regex(warned().join("\n"), /^The password of user \S+ in realm \S+ was replaced by .*$/);
});

test.serial(
  "a concurrent login makes Keycloak reject the correct password: it is not set again",
  async (t) => {
    await settings(t, { bruteForceProtected: true });
    const corner = await Corner.of(t);
    await corner.makeUser();
    const credential = await corner.passwordCredential();
    const proxy = await FaultyProxy.start();
    t.teardown(() => proxy.stop());
    // Keycloak's answer while another login of the same user is in progress. It counts no failed login for it.
    const body = '{"error":"invalid_grant","error_description":"Invalid user credentials"}';
    const refused = { status: 401, headers: { "content-type": "application/json" }, body };
    const login = `/realms/${corner.realm.name}/protocol/openid-connect/token`;
    let collisions = 0;
    proxy.decide(({ path }) => {
      if (path !== login || collisions === 2) return undefined;
      collisions += 1;
      return { passedOn: false, comes: refused };
    });
    await new Stack({ ...connection, "keycloak:url": proxy.url }).up(...corner.all(), corner.tokenCheck());
    t.is(collisions, 2);
    t.is((await corner.passwordCredential()).createdDate, credential.createdDate);
    warned();
  },
);

test.serial("previews do not count as failed logins", async (t) => {
  await settings(t, { bruteForceProtected: true, failureFactor: 2 });
  const corner = await Corner.of(t);
  await corner.makeUser({ password: "somebody's" });
  const stack = new Stack();
  const failures = async () => (await corner.realm.failedLogins(corner.username)).numFailures;
  for (let i = 0; i < 3; i += 1) await stack.preview(corner.password());
  t.is(await failures(), 0);
  await stack.up(corner.password());
  await corner.resetPassword("somebody's");
  for (let i = 0; i < 3; i += 1) await stack.preview(corner.password());
  t.true((await failures()) <= 1, "adopting takes one login at most");
});

test.serial(
  "with OTP set up, no login can check the password: it is left alone, with a warning",
  async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser();
    await corner.makeAgainWithOtp("somebody's");
    const before = await corner.passwordCredential();
    const stack = new Stack();
    t.deepEqual(await stack.preview(corner.password()), [{ name: "password", op: "create", plan: "adopt" }]);
    await stack.up(corner.password());
    t.deepEqual(await corner.passwordCredential(), before);
    t.regex(warned().join("\n"), /cannot be told, so it was left as it is: the user has OTP set up/);
    t.deepEqual(await stack.preview(corner.password()), []);

    await corner.removeOtp();
    t.is((await stack.preview(corner.password()))[0]?.op, "update");
    t.regex(warned().join("\n"), /has no OTP any more: an 'up' checks whether/);
    await stack.up(corner.password());
    t.true(await corner.canLogIn(configured), "set, because a login can check it again");
    t.deepEqual(await stack.preview(corner.password()), []);
  },
);

test.serial("kept: somebody's password is never set again, and a reset is no drift", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser({ password: "somebody's" });
  const program = corner.password({ keep: true });
  const stack = new Stack();
  t.deepEqual(await stack.preview(program), [{ name: "password", op: "create", plan: "adopt" }]);
  await stack.up(program);
  t.true(await corner.canLogIn("somebody's"));
  await corner.resetPassword("their next one", true);
  t.deepEqual(await stack.preview(program), []);
  t.deepEqual(await stack.up(program), []);
  t.deepEqual((await corner.user()).requiredActions, ["UPDATE_PASSWORD"], "temporary is their business too");
  await stack.up(corner.password({ keep: true, password: "rotated 2!" }));
  await corner.changeUser({ requiredActions: [] });
  t.true(await corner.canLogIn("their next one"));
  warned();
  await stack.destroy();
  t.true(await corner.canLogIn("their next one"));
  t.deepEqual(warned(), []);
});

test.serial("kept: a missing password is set once, and no longer kept, it is checked again", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.customer(), corner.password({ keep: true }));
  t.true(await corner.canLogIn(configured));
  await corner.resetPassword("their own");
  t.deepEqual(await stack.preview(corner.customer(), corner.password({ keep: true })), []);
  await stack.refresh();
  t.deepEqual(await stack.up(corner.customer(), corner.password({ keep: true })), []);
  t.true(await corner.canLogIn("their own"));
  await stack.up(corner.customer(), corner.password());
  t.true(await corner.canLogIn(configured));
});

test.serial("no client lets a login try the password: it is left alone, with a warning", async (t) => {
  await settings(t, { passwordPolicy: "passwordHistory(3)" });
  const corner = await Corner.of(t);
  await corner.makeUser();
  const before = await corner.passwordCredential();
  const [cim, cli] = [await corner.realm.client(), await corner.realm.client("admin-cli")];
  const grants = (client: { id: string }, directAccessGrantsEnabled: boolean) =>
    corner.realm.admin("PUT", `/clients/${client.id}`, { ...client, directAccessGrantsEnabled });
  t.teardown(async () => {
    await grants(cim, true);
    await corner.realm.admin("PUT", `/clients/${cli.id}`, cli);
  });
  await grants(cim, false);
  await corner.realm.admin("PUT", `/clients/${cli.id}`, { ...cli, clientId: "renamed-cli" });
  const stack = new Stack();
  await stack.up(corner.password());
  t.deepEqual(await corner.passwordCredential(), before);
  t.regex(
    warned().join("\n"),
    /cannot be told, so it was left as it is: no client lets a login try it \(client 'cim': unauthorized_client/,
  );
  t.deepEqual(await stack.preview(corner.password()), []);
  await stack.up(corner.password({ password: "a new one 3!" }));
  await grants(cim, true);
  t.true(await corner.canLogIn("a new one 3!"), "the program changed it, so it was set");
});

test.serial("OTP set up after the last up: shown, because customers no longer get a token", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser();
  const stack = new Stack();
  await stack.up(corner.password());
  await corner.addOtp();
  t.is((await stack.preview(corner.password()))[0]?.op, "update");
  t.regex(warned().join("\n"), /has set up OTP since the last 'up': customers get no token/);
});

test.serial("expired by the realm's policy: shown, and set again, which lets customers log in", async (t) => {
  await settings(t, { passwordPolicy: "forceExpiredPasswordChange(30)" });
  const corner = await Corner.of(t);
  await corner.makeUser();
  const longAgo = Date.now() - 40 * 86_400_000;
  await corner.importAgain({ ...hashed(configured), createdDate: longAgo });
  t.false(await corner.canLogIn(configured), "correct, but no token");
  const stack = new Stack();
  const [step] = await stack.preview(corner.password());
  t.like(step, { plan: "adopt" });
  t.is(
    step?.corrects?.password,
    `set on ${new Date(longAgo).toISOString().slice(0, 16).replace("T", " ")} UTC, expired by the realm's password policy`,
  );
  await stack.up(corner.password());
  t.true(await corner.canLogIn(configured));
  t.deepEqual(await stack.preview(corner.password()), []);
});

test.serial("the login that checks the password leaves no session behind", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser();
  await new Stack().up(corner.password());
  const { id } = await corner.user();
  t.deepEqual(await corner.realm.admin("GET", `/users/${id}/sessions`), []);
});

test.serial("a missing user: the error says so", async (t) => {
  const corner = await Corner.of(t);
  const error = await t.throwsAsync(new Stack().up(corner.password()));
  t.regex(error.message, /^Ensuring password of user .* failed: the user is not there/);
});

test.serial("the state keeps when the earlier password was set, never a password", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeUser({ password: "somebody's" });
  const stack = new Stack();
  await stack.up(corner.password());
  const { password: _secretInput, ...others } = stack.outs("password");
  const text = JSON.stringify(others);
  t.false(text.includes(configured) || text.includes("somebody's"), text);
});
