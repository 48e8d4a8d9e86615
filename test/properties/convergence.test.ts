// Every starting state converges. fast-check generates realms, the test builds each for real, one `up` makes it ready, a
// second changes nothing, and `destroy` restores it. `npm test` tries 200 states,
// `npm run test:properties -- --runs 2000 --seed 7` more. The provider runs without the CLI, which test/cli covers.
import test from "ava";
import fc from "fast-check";
import type { Representation } from "../../rig/keycloak/realm.ts";
import { warned } from "../support/corner.ts";
import { Stack } from "../support/engine.ts";
import { differences } from "../support/given.ts";
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

function withUser(
  snapshot: Representation,
  { username }: Built,
  changed: (user: Representation) => Representation,
): Representation {
  return {
    ...snapshot,
    users: snapshot.users.map((user: Representation) =>
      user.username === username.toLowerCase() ? changed(user) : user,
    ),
  };
}

/** What destroy can restore. Where up set a password, it can restore neither the old one nor an empty label. */
function comparable(snapshot: Representation, built: Built): Representation {
  const { user } = built.state;
  const kept = user?.password === "right" || !user || user.password === "none";
  const restored = withUser(snapshot, built, (own) => {
    const { attributes, ...fields } = own;
    const stays = ([name]: [string, unknown]) => !built.irrevocable.includes(name);
    const without = (all: object) => Object.fromEntries(Object.entries(all).filter(stays));
    return { ...without(fields), attributes: without(attributes ?? {}) };
  });
  return sorted({
    ...restored,
    users: restored.users.map((each: Representation) => ({
      ...each,
      credentials: each.credentials
        // A policy's password history grows with every password that is set.
        .filter(({ type }: Representation) => kept || type === "password")
        .map((credential: Representation) =>
          kept ? { ...credential, userLabel: labelOf(credential) } : { type: credential.type },
        ),
    })),
  });
}

/** Keycloak does not accept an empty label again. */
const labelOf = ({ userLabel }: { userLabel?: string }) => (userLabel === "Password" ? undefined : userLabel);

/** The snapshot without what `up` may create and change, given what was there before. */
function withoutOurs(snapshot: Representation, built: Built, before: Representation): Representation {
  const { state } = built;
  const usernames = [built.username.toLowerCase()];
  const wasThere = before.users.find(({ username }: Representation) => usernames.includes(username));
  return sorted({
    ...snapshot,
    clients: snapshot.clients.map((client: Representation) => {
      if (client.clientId !== built.clientId) return client;
      const mappers = (client.protocolMappers ?? []).filter(
        ({ name, protocol }: Representation) =>
          state.mapper || name !== built.mapperName || protocol !== "openid-connect",
      );
      return {
        ...client,
        protocolMappers: mappers.map((mapper: Representation) => withoutOurFields(mapper, built)),
      };
    }),
    roles: snapshot.roles.filter(({ name }: Representation) => state.role || name !== built.roleName),
    users: snapshot.users.flatMap((user: Representation) => {
      if (!usernames.includes(user.username)) return [user];
      if (!wasThere) return [];
      return [withoutOursOfUser(user, wasThere, built)];
    }),
  });
}

function withoutOurFields(mapper: Representation, built: Built): Representation {
  if (mapper.name !== built.mapperName || mapper.protocol !== "openid-connect") return mapper;
  const {
    "included.client.audience": _audience,
    "access.token.claim": _access,
    "id.token.claim": _id,
    "introspection.token.claim": _introspection,
    "keycloak-apisix.owner": _mark,
    ...config
  } = mapper.config;
  if (built.state.lightweightTokens) delete config["lightweight.claim"];
  return { ...mapper, protocolMapper: undefined, config };
}

/** What a profile may require of a user. */
const required = ["email", "firstName", "lastName", "site", "badge", "cost"];

function withoutOursOfUser(user: Representation, was: Representation, built: Built): Representation {
  const kept = { ...user, enabled: true, emailVerified: true, requiredActions: [] };
  const isOurs = (name: string, found: unknown) =>
    name in built.profile || (found === undefined && required.includes(name));
  for (const name of ["email", "firstName", "lastName"]) if (isOurs(name, was[name])) delete kept[name];
  const attributes = Object.entries(user.attributes ?? {}).filter(
    ([name]) => !isOurs(name, was.attributes?.[name]),
  );
  const right = built.state.user?.password === "right";
  return {
    ...kept,
    attributes: Object.fromEntries(attributes),
    credentials: user.credentials
      .filter(({ type }: Representation) => right || type === "otp")
      .map(({ id, createdDate }: Representation) => ({ id, createdDate })),
    roleMappings: {
      ...user.roleMappings,
      realmMappings: (user.roleMappings.realmMappings ?? []).filter(
        ({ name }: Representation) => ![built.roleName, "offline_access", "uma_authorization"].includes(name),
      ),
    },
  };
}

/** Sorts the lists that Keycloak returns in any order. */
function sorted(value: Representation): Representation {
  if (Array.isArray(value)) {
    return value.map(sorted).toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined && !isEmpty(each))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

/** Keycloak 18 keeps an empty text where a name was removed. */
const isEmpty = (value: unknown) =>
  value === "" || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
