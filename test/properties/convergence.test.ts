// Every starting state converges. fast-check generates realms, the test builds each for real, one `up` makes it ready, a
// second changes nothing, and `destroy` restores it. `npm test` tries 200 states,
// `npm run test:properties -- --runs 2000 --seed 7` more. The provider runs without the CLI, which test/cli covers.
import test from "ava";
import type { Representation } from "../../rig/keycloak/realm.ts";
import { warned } from "../support/corner.ts";
import { Stack } from "../support/engine.ts";
import { differences } from "../support/given.ts";
import { expectNothing, holdsForAll, runsOr, seed } from "../support/property.ts";
import { Built, deleteRealms, type StartingState, startingState } from "../support/starting-state.ts";

const runs = runsOr(200);

test.after.always(deleteRealms);

test.serial(`${runs} starting states converge (seed ${seed})`, async (t) => {
  t.timeout(runs * 60_000);
  await holdsForAll(startingState, runs, converges);
  t.pass();
});

/** @throws Error saying in words which promise is broken first */
async function converges(state: StartingState): Promise<void> {
  const built = await Built.of(state);
  const { realm } = built;
  try {
    let before = await realm.snapshot();
    const stack = new Stack();
    await realm.noteWrites();
    const plans = await stack.preview(...built.program());
    expectNothing(
      differences(built.plans(), Object.fromEntries(plans.map(({ name, plan }) => [name, plan]))),
      "plans",
    );
    expectNothing(await realm.written(), "what the preview wrote");

    for (const { says, cure } of built.obstacles()) {
      const said = await stack.up(...built.program()).then(
        () => "nothing",
        (error: Error) => error.message,
      );
      expectNothing(says.test(said) ? [] : [said], "what up says of an obstacle");
      const between = await realm.snapshot();
      expectNothing(
        differences(withoutOurs(before, built, before), withoutOurs(between, built, before)),
        "what is not ours, with an obstacle",
      );
      await cure();
      before = withoutOtp(before);
    }
    await stack.up(...built.program());
    const { audiences } = stack.outs("token").token as { audiences: string[] };
    expectNothing(audiences.includes(built.clientId) ? [] : audiences, "the token's audiences");
    const after = await realm.snapshot();
    expectNothing(
      differences(withoutOurs(before, built, before), withoutOurs(after, built, before)),
      "what is not ours",
    );

    await realm.noteWrites();
    expectNothing(await stack.preview(...built.program()), "a preview after up");
    expectNothing(await stack.up(...built.program()), "a second up");
    expectNothing(await realm.written(), "what the second up wrote");

    warned();
    await stack.destroy();
    expectNothing(
      differences(comparable(before, state), comparable(await realm.snapshot(), state)),
      "after destroy",
    );
  } finally {
    await built.delete();
  }
}

/** The cure removes OTP for good. */
function withoutOtp(snapshot: Representation): Representation {
  return {
    ...snapshot,
    users: snapshot.users.map((user: Representation) => ({
      ...user,
      totp: false,
      disableableCredentialTypes: [],
      credentials: user.credentials.filter(({ type }: Representation) => type !== "otp"),
    })),
  };
}

/** What destroy can restore. Where up set a password, it can restore neither the old one nor an empty label. */
function comparable(snapshot: Representation, { user }: StartingState): Representation {
  const kept = user?.password === "right" || !user || user.password === "none";
  return sorted({
    ...snapshot,
    users: snapshot.users.map((each: Representation) => ({
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

function withoutOursOfUser(user: Representation, was: Representation, built: Built): Representation {
  const kept = { ...user, enabled: true, emailVerified: true, requiredActions: [] };
  for (const name of ["email", "firstName", "lastName"]) if (was[name] === undefined) delete kept[name];
  const attributes = Object.entries(user.attributes ?? {}).filter(
    ([name]) => was.attributes?.[name] !== undefined || !["site", "badge"].includes(name),
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

const isEmpty = (value: unknown) =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;
