// Every starting state converges. fast-check generates realms, the test builds each for real, one `up` makes it ready, a
// second changes nothing, and `destroy` restores it. `npm test` tries 200 states,
// `npm run test:properties -- --runs 2000 --seed 7` more. The provider runs without the CLI, which test/cli covers.
import test from "ava";
import fc from "fast-check";
import type { Representation } from "../../rig/keycloak/realm.ts";
import { warned } from "../support/corner.ts";
import { Stack } from "../support/engine.ts";
import { differences } from "../support/given.ts";
import { comparable, withoutOurs, withUser } from "../support/ours.ts";
import { expectNothing, expectSaid, holdsForAll, runsOr, seed } from "../support/property.ts";
import { deleteRealms } from "../support/realm-kinds.ts";
import { type RoleUseName, roleUses } from "../support/role-uses.ts";
import { Built, someUses, startingState } from "../support/starting-state.ts";

const runs = runsOr(200);

test.after.always(deleteRealms);

/** What others do before `destroy`. */
interface Meanwhile {
  /** Fail to log in as the user until it is locked. */
  readonly locked: boolean;
  /** Give the role to others, or name it. */
  readonly uses: readonly RoleUseName[];
}
const meanwhile: fc.Arbitrary<Meanwhile> = fc.record({ locked: fc.boolean(), uses: someUses });

test.serial(`${runs} starting states converge (seed ${seed})`, async (t) => {
  t.timeout(runs * 60_000);
  await holdsForAll(fc.tuple(startingState, meanwhile), runs, async ([state, others]) => {
    const built = await Built.of(state);
    try {
      await converges(built, others);
    } finally {
      await built.delete();
    }
  });
  t.pass();
});

/** @throws Error saying in words which promise is broken first */
async function converges(built: Built, others: Meanwhile): Promise<void> {
  const { realm } = built;
  const stack = new Stack();
  for (const { says, cure, isCertain } of built.refusals()) {
    await realm.noteWrites();
    const isRefused = await expectSaid(stack.preview(...built.program()), says, { isCertain });
    expectNothing(await realm.written(), "what a refused preview wrote");
    if (isRefused) await cure();
  }

  let before = await built.snapshot();
  await realm.noteWrites();
  const plans = await stack.preview(...built.program());
  expectNothing(
    differences(built.plans(), Object.fromEntries(plans.map(({ name, plan }) => [name, plan]))),
    "plans",
  );
  expectNothing(await realm.written(), "what the preview wrote");

  for (const { says, cure, cured } of built.obstacles()) {
    await expectSaid(stack.up(...built.program()), says);
    const between = await built.snapshot();
    expectNothing(
      differences(withoutOurs(before, built, before), withoutOurs(between, built, before)),
      "what is not ours, with an obstacle",
    );
    await cure();
    if (cured) before = withUser(before, built, cured);
  }
  await stack.up(...built.program());
  const { audiences } = stack.outs("token").token as { audiences: string[] };
  expectNothing(audiences.includes(built.clientId) ? [] : audiences, "the token's audiences");
  const after = await built.snapshot();
  expectNothing(
    differences(withoutOurs(before, built, before), withoutOurs(after, built, before)),
    "what is not ours",
  );

  await realm.noteWrites();
  expectNothing(await stack.preview(...built.program()), "a preview after up");
  expectNothing(await stack.up(...built.program()), "a second up");
  expectNothing(await realm.written(), "what the second up wrote");

  await takenBack(built, stack, others, before);
}

/** After `destroy` the realm is as it was, apart from what others did in between, which is still there. */
async function takenBack(
  built: Built,
  stack: Stack,
  { locked, uses }: Meanwhile,
  before: Representation,
): Promise<void> {
  const { state } = built;
  const role = await built.role();
  const takeBack = await built.useRole(uses.filter((use) => !state.role?.uses.includes(use)));
  if (locked && built.countsFailures) await built.lock();
  const isLockedForGood = (await built.user()).enabled === false;

  warned();
  await stack.destroy();
  const said = warned().join("\n");
  const isToStay = state.role !== null || uses.length > 0;
  const left = await built.role();
  expectNothing((left?.id === role.id) === isToStay ? [] : [uses, said], "a role wrongly left or removed");
  await takeBack();
  const after = await built.snapshot();
  if (!state.role && uses.length > 0) {
    expectNothing(left.attributes["keycloak-apisix.owner"] ?? [], "our mark on a role of others");
    expectNothing(
      uses.some((use) => roleUses[use].words.test(said)) ? [] : [said],
      "what it says of the use",
    );
    after.roles = after.roles.filter(({ id }: Representation) => id !== role.id);
  }
  const expected = withUser(before, built, (user) => ({
    ...user,
    ...(isLockedForGood && { enabled: false }),
  }));
  expectNothing(differences(comparable(expected, built), comparable(after, built)), "after destroy");
  if (locked && built.countsFailures && state.user?.enabled) {
    expectNothing((await built.isLocked()) ? [] : [said], "a lock that destroy ended");
  }
}
