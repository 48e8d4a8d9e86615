// Every drift is seen, and nothing but drift. fast-check generates combinations of what somebody may do to an enabled realm.
// The preview names each field on its own resource and nothing else, the next `up` repairs it, and `destroy` then leaves
// only what others made.
import { isDeepStrictEqual } from "node:util";
import test from "ava";
import fc from "fast-check";
import type { Representation } from "../../rig/keycloak/realm.ts";
import { warned } from "../support/corner.ts";
import { Stack } from "../support/engine.ts";
import { differences } from "../support/given.ts";
import { expectNothing, expectSaid, holdsForAll, runsOr, seed } from "../support/property.ts";
import { allKinds, deleteRealms, ofDirectory, ofMail, ofPolicies } from "../support/realm-kinds.ts";
import { Built, untouched } from "../support/starting-state.ts";

const runs = runsOr(40);

test.after.always(deleteRealms);

/** What somebody did. */
interface Tampering {
  readonly mapper: "deleted" | readonly MapperField[];
  readonly user: "deleted" | readonly UserField[];
  readonly password: "untouched" | "reset" | "reset, temporary" | "deleted";
  readonly role: "untouched" | "deleted" | "described";
  readonly unmapped: readonly number[];
  /** Failed logins have locked the user, where the realm counts them. */
  readonly locked: boolean;
  /** Changes to things that are not ours. */
  readonly others: readonly Other[];
}
const mapperFields = {
  "included.client.audience": "account",
  "access.token.claim": "false",
  "id.token.claim": "false",
  "introspection.token.claim": "false",
} as const;
type MapperField = keyof typeof mapperFields | "protocolMapper";
const userFields = {
  enabled: false,
  emailVerified: false,
  firstName: "",
  lastName: "",
  requiredActions: ["VERIFY_EMAIL"],
} as const;
/** A `badge` is an attribute that only the demanding profile requires. */
type UserField = keyof typeof userFields | "badge";
const others = [
  "group",
  "attribute",
  "other role",
  "mapper key",
  "client description",
  "other mapper",
] as const;
type Other = (typeof others)[number];

const tampering: fc.Arbitrary<Tampering> = fc.record({
  mapper: fc.oneof(
    { weight: 1, arbitrary: fc.constant("deleted" as const) },
    {
      weight: 4,
      arbitrary: fc.subarray<MapperField>([
        "protocolMapper",
        ...(Object.keys(mapperFields) as (keyof typeof mapperFields)[]),
      ]),
    },
  ),
  user: fc.oneof(
    { weight: 1, arbitrary: fc.constant("deleted" as const) },
    { weight: 6, arbitrary: fc.subarray<UserField>([...(Object.keys(userFields) as UserField[]), "badge"]) },
  ),
  password: fc.constantFrom("untouched", "untouched", "reset", "reset, temporary", "deleted"),
  role: fc.constantFrom("untouched", "untouched", "deleted", "described"),
  unmapped: fc.subarray([0, 1, 2]),
  locked: fc.boolean(),
  others: fc.subarray([...others]),
});

test.serial(
  `${runs} combinations of drift are seen as what they are, and repaired (seed ${seed})`,
  async (t) => {
    t.timeout(runs * 60_000);
    const kinds = allKinds.filter((kind) => kind !== ofDirectory);
    await holdsForAll(fc.tuple(fc.constantFrom(...kinds), tampering), runs, async ([realm, done]) => {
      const built = await Built.of({ ...untouched, realm });
      try {
        await seenAndRepaired(built, done);
      } finally {
        await built.delete();
      }
    });
    t.pass();
  },
);

async function seenAndRepaired(built: Built, done: Tampering): Promise<void> {
  const { realm } = built;
  const pristine = await realm.snapshot();
  const stack = new Stack();
  await stack.up(...built.program());
  expectNothing(await stack.preview(...built.program()), "a preview after up");
  const user = await built.user();
  await tamper(built, done);
  const before = await realm.snapshot();
  const expected = expectedDrift(built, done, user);

  await realm.noteWrites();
  const seen = fieldsByChild(await stack.preview(...built.program()));
  if (!isDeepStrictEqual(seen, expected)) {
    throw new Error(`drift seen: ${JSON.stringify(seen)}\nexpected: ${JSON.stringify(expected)}`);
  }
  expectNothing(await realm.written(), "what the preview wrote");

  // A deleted user loses its password history.
  const hasHistory = built.state.realm === ofPolicies && done.user !== "deleted";
  if (hasHistory && done.password.startsWith("reset")) {
    // The policy forbids earlier passwords: up says so and does not get round it.
    await expectSaid(stack.up(...built.program()), /not be equal to any of last 3.*another customerPassword/);
    return;
  }
  await lockedOnlyAsLongAsNecessary(built, done, expected, async () => {
    const repaired = (await stack.up(...built.program())).map(({ name }) => name);
    expectNothing(
      repaired.filter((name) => !(name in expected)),
      "what up touched without need",
    );
  });
  expectNothing(await stack.preview(...built.program()), "a preview after the repair");
  const after = await realm.snapshot();
  for (const other of done.others) {
    const [was, is] = [before, after].map((snapshot) => ofOthers(snapshot, built, done, other));
    if (!isDeepStrictEqual(was, is)) {
      throw new Error(`${other}: ${JSON.stringify(was)} → ${JSON.stringify(is)}`);
    }
  }

  await stack.destroy();
  expectNothing(
    differences(withoutOthers(pristine, built), withoutOthers(await realm.snapshot(), built)),
    "after destroy",
  );
  const hasRole = (await built.role()) !== undefined;
  expectNothing(hasRole === (done.role === "described") ? [] : [done.role], "a role wrongly left or removed");
}

/** `up` ends a lock only if the user is disabled, or if its password has to be checked or set, and says so. */
async function lockedOnlyAsLongAsNecessary(
  built: Built,
  done: Tampering,
  expected: Fields,
  up: () => Promise<void>,
): Promise<void> {
  if (!isLocked(built, done) || done.user === "deleted") return up();
  const was = await built.realm.failedLogins(built.username);
  warned();
  await up();
  const said = warned().join("\n");
  const is = await built.realm.failedLogins(built.username);
  const isToEnd = expected.user?.includes("enabled") || expected.password?.includes("password");
  if (!isToEnd) return expectNothing(differences(was, is), "a lock that up changed");
  expectNothing(is.disabled || is.numFailures > 1 ? [is] : [], "a lock that up did not end");
  // Keycloak 18 does not count a lock for good as one.
  if (was.disabled) expectNothing(/has been unlocked/.test(said) ? [] : [said], "what up says of the lock");
}

function isLocked(built: Built, { locked }: Tampering): boolean {
  return locked && built.countsFailures;
}

/** Without the role, which others may have made theirs, and without what they did to the client. */
function withoutOthers(snapshot: Representation, built: Built): Representation {
  return {
    ...snapshot,
    roles: snapshot.roles.filter(({ name }: Representation) => name !== built.roleName),
    clients: snapshot.clients.map(({ description, protocolMappers = [], ...client }: Representation) => ({
      ...client,
      protocolMappers: protocolMappers.filter(({ name }: Representation) => name !== "of-others"),
    })),
  };
}

async function tamper(built: Built, done: Tampering): Promise<void> {
  const { realm } = built;
  if (isLocked(built, done)) await built.lock();
  const client = await built.client();
  const mapperPath = (id: string) => `/clients/${client.id}/protocol-mappers/models/${id}`;
  const [mapper] = built.mappers(client);
  if (done.others.includes("other mapper")) {
    await realm.admin("POST", `/clients/${client.id}/protocol-mappers/models`, {
      name: "of-others",
      protocol: "openid-connect",
      protocolMapper: "oidc-audience-mapper",
      config: { "included.custom.audience": "others" },
    });
  }
  if (done.others.includes("client description")) {
    await realm.admin("PUT", `/clients/${client.id}`, {
      ...(await built.client()),
      description: "of others",
    });
  }
  if (done.mapper === "deleted") await realm.admin("DELETE", mapperPath(mapper.id));
  else if (done.mapper.length > 0 || done.others.includes("mapper key")) {
    const { mapper: fields } = done;
    const config = Object.fromEntries(
      Object.entries(mapperFields).filter(([name]) => fields.includes(name as MapperField)),
    );
    await realm.admin("PUT", mapperPath(mapper.id), {
      ...mapper,
      ...(fields.includes("protocolMapper") && { protocolMapper: "oidc-hardcoded-claim-mapper" }),
      config: {
        ...mapper.config,
        ...config,
        ...(done.others.includes("mapper key") && { "claim.name": "of.others" }),
      },
    });
  }

  const { id } = await built.user();
  if (done.others.includes("other role")) {
    await realm.admin("POST", `/users/${id}/role-mappings/realm`, [await realm.role("of-others")]);
  }
  if (done.others.includes("group")) {
    const [group] = await realm.admin("GET", "/groups");
    await realm.admin("PUT", `/users/${id}/groups/${group.id}`);
  }
  const roles = await Promise.all(
    [built.roleName, "offline_access", "uma_authorization"].map((name) => realm.role(name)),
  );
  await realm.admin(
    "DELETE",
    `/users/${id}/role-mappings/realm`,
    roles.filter((_, index) => done.unmapped.includes(index)),
  );
  const [credential] = await realm.credentials(built.username);
  if (done.password === "deleted") await realm.admin("DELETE", `/users/${id}/credentials/${credential.id}`);
  else if (done.password !== "untouched") {
    await realm.admin("PUT", `/users/${id}/reset-password`, {
      type: "password",
      value: "Somebody's own 3!",
      temporary: done.password.endsWith("temporary"),
    });
  }
  if (done.user === "deleted") await realm.admin("DELETE", `/users/${id}`);
  else {
    const fields = done.user;
    // Saying that it is enabled would end a lock.
    const { enabled: _enabled, ...user } = await built.user();
    const changes = Object.fromEntries(
      Object.entries(userFields).filter(([name]) => fields.includes(name as UserField)),
    );
    const requiredActions = [
      ...new Set([
        ...user.requiredActions,
        ...(changes.requiredActions === undefined ? [] : userFields.requiredActions),
      ]),
    ];
    const attributes = {
      ...user.attributes,
      ...(fields.includes("badge") && { badge: [] }),
      ...(done.others.includes("attribute") && { phone: ["0123"] }),
    };
    await realm.admin("PUT", `/users/${id}`, { ...user, ...changes, requiredActions, attributes });
  }
  const role = roles[0];
  if (done.role === "deleted") await realm.admin("DELETE", `/roles-by-id/${role.id}`);
  if (done.role === "described") {
    await realm.admin("PUT", `/roles-by-id/${role.id}`, { ...role, description: "of others" });
  }
}

type Fields = Record<string, string[]>;

/** @param user as `up` has left it: old releases require no names */
function expectedDrift(built: Built, done: Tampering, user: Representation): Fields {
  const mapped = [built.roleName, "offline_access", "uma_authorization"].filter(
    (_, index) => done.unmapped.includes(index) || (index === 0 && done.role === "deleted"),
  );
  const gone = done.user === "deleted";
  const lockedForGood = isLocked(built, done) && built.state.realm === ofMail ? ["enabled"] : [];
  const requiresAction =
    done.password === "reset, temporary" ||
    (done.user !== "deleted" && done.user.includes("requiredActions"));
  return fields({
    audience: done.mapper === "deleted" ? ["audienceMapper"] : done.mapper,
    role: done.role === "deleted" ? ["realmRole"] : [],
    user: gone ? ["user"] : [...new Set([...userDrift(done, user), ...lockedForGood])],
    password: gone
      ? ["password"]
      : [
          ...(done.password === "untouched" ? [] : ["password"]),
          ...(requiresAction ? ["requiredActions"] : []),
        ],
    "role-mappings": gone ? ["roleMappings"] : mapped,
  });
}

function userDrift({ user: fields }: Tampering, user: Representation): string[] {
  const had = { ...user, badge: user.attributes?.badge };
  return (fields === "deleted" ? [] : [...fields]).filter(
    (field) => field !== "requiredActions" && had[field] !== undefined,
  );
}

function fieldsByChild(steps: readonly { name: string; drift?: Readonly<Record<string, string>> }[]): Fields {
  return fields(
    Object.fromEntries(steps.map(({ name, drift }) => [name, Object.keys(drift ?? { "?": "" })])),
  );
}

/** Fields by child, sorted and without clean children. */
function fields(all: Record<string, readonly string[]>): Fields {
  return Object.fromEntries(
    Object.entries(all)
      .filter(([, names]) => names.length > 0)
      .map(([child, names]): [string, string[]] => [child, names.toSorted()])
      .toSorted(([a], [b]) => a.localeCompare(b)),
  );
}

function ofOthers(snapshot: Representation, built: Built, done: Tampering, other: Other): unknown {
  const client = snapshot.clients.find((each: Representation) => each.clientId === built.clientId);
  const user = snapshot.users.find((each: Representation) => each.username === built.username.toLowerCase());
  if (done.user === "deleted" && ["group", "attribute", "other role"].includes(other)) return undefined;
  switch (other) {
    case "client description":
      return client.description;
    case "other mapper":
      return client.protocolMappers.find(({ name }: Representation) => name === "of-others");
    case "mapper key":
      return done.mapper === "deleted" ? undefined : built.mappers(client)[0].config["claim.name"];
    case "group":
      return user.groups;
    case "attribute":
      return user.attributes?.phone;
    case "other role":
      return user.roleMappings.realmMappings.some(({ name }: Representation) => name === "of-others");
  }
}
