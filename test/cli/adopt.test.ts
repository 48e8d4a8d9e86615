// Realms that somebody has configured by hand: everything right, or everything wrong.
import test from "ava";
import { doByHand, doEverythingWrong, withoutPasswords } from "../../rig/keycloak/by-hand.ts";
import { server } from "../../rig/keycloak/realm.ts";
import {
  allWarnings,
  audienceWarning,
  given,
  password,
  sameRealm,
  succeeded,
  warnings,
} from "../support/given.ts";

const children = ["audience", "user", "password", "role", "role-mappings"];

test.serial(
  "a realm that was configured by hand, and correctly, is adopted without a single write",
  async (t) => {
    const { realm, stack } = await given(t);
    await doByHand(realm, password);
    await realm.noteWrites();
    const before = await realm.snapshot();

    const plans = new Map((await stack.forecast()).map((step) => [step.name, step]));
    for (const child of children) {
      const step = plans.get(`${realm.name}-${child}`);
      t.is(step?.plan, "adopt", child);
      t.is(step?.drift, undefined, child);
    }

    const up = await stack.up();
    succeeded(t, up);
    const said = allWarnings(up.output);
    t.is(said.length, server.isFrom("26.6.2") ? 0 : 1, up.output);
    for (const each of said) t.regex(each, audienceWarning);
    t.regex(up.output, /The password of user 'customer' in realm '.*' was already the configured one/);
    const enablement = (await stack.outputs()).enablements[realm.name];
    t.deepEqual(enablement.adopted, Object.fromEntries(children.map((child) => [child, true])));
    t.is(enablement.userId, (await realm.user()).id);
    t.is(enablement.roleId, (await realm.role()).id);
    t.is(enablement.audienceMapperId, (await realm.mapper()).id);
    t.true(enablement.token.audiences.includes("cim"));
    t.deepEqual(await realm.written(), [], "up has only read");

    const again = await stack.preview("--expect-no-changes");
    succeeded(t, again);
    t.deepEqual(allWarnings(again.output), [], "a finished stack warns of nothing");
    const destroyed = await stack.destroy();
    succeeded(t, destroyed);
    t.notRegex(destroyed.output, /warning/i);
    t.deepEqual(await realm.written(), [], "destroy has only read");
    sameRealm(t, await realm.snapshot(), before);
  },
);

test.serial("a realm that is wrong in everything is corrected, and restored by destroy", async (t) => {
  const { realm, stack } = await given(t);
  await doEverythingWrong(realm);
  const before = await realm.snapshot();

  const preview = await stack.preview("--diff");
  succeeded(t, preview);
  t.regex(
    preview.output,
    /password *: "will be replaced unless it is already the configured one; CX's web-channel-manager \(output coreCustomValues\) then needs the new one"/,
  );
  sameRealm(t, await realm.snapshot(), before);

  const up = await stack.up();
  succeeded(t, up);
  t.deepEqual(warnings(up.output), [
    `The password of user 'customer' in realm '${realm.name}' was replaced by the configured one: CX's web-channel-manager (output coreCustomValues) needs the new one.`,
  ]);
  const enablement = (await stack.outputs()).enablements[realm.name];
  t.deepEqual(enablement.adopted, Object.fromEntries(children.map((child) => [child, true])));
  t.true(enablement.token.roles.includes("customer"));
  t.true(await realm.canLogIn(password));

  const after = await realm.snapshot();
  const user = after.users[0];
  const found = before.users[0];
  t.deepEqual(user.groups, found.groups);
  t.deepEqual(user.attributes.phone, ["0123"]);
  t.deepEqual(user.attributes.colours?.toSorted(), ["green", "red"]);
  t.is(user.firstName, "Somebody");
  t.true((await realm.mappedRoles()).includes("others-role"));
  t.is((await realm.mapper()).config["claim.name"], "somebodys");
  t.is((await realm.mapper("of-others")).config["included.custom.audience"], "others");
  t.deepEqual(after.roles, before.roles, "an existing role is not touched");

  const clean = await stack.preview("--expect-no-changes");
  succeeded(t, clean);

  const destroyed = await stack.destroy();
  succeeded(t, destroyed);
  sameRealm(t, withoutPasswords(await realm.snapshot()), withoutPasswords(before));
  const said = warnings(destroyed.output);
  t.is(said.length, 1, destroyed.output);
  t.regex(said[0] ?? "", /password.*was not put back/i);
});
