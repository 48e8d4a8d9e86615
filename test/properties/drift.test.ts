// Every drift is seen, and nothing but drift. fast-check generates combinations of what somebody may do to an enabled realm.
// The preview names each field on its own resource and nothing else, and the next `up` repairs it.
import { isDeepStrictEqual } from "node:util";
import test from "ava";
import fc from "fast-check";
import type { Representation } from "../../rig/keycloak/realm.ts";
import { Stack } from "../support/engine.ts";
import { expectNothing, holdsForAll, runsOr, seed } from "../support/property.ts";
import {
  Built,
  deleteRealms,
  ofDirectory,
  type RealmKind,
  realmKinds,
  type StartingState,
} from "../support/starting-state.ts";

const runs = runsOr(40);

test.after.always(deleteRealms);

/** What somebody did. */
interface Tampering {
  readonly mapper: "deleted" | readonly MapperField[];
  readonly user: "deleted" | readonly UserField[];
  readonly password: "untouched" | "reset" | "reset, temporary" | "deleted";
  readonly role: "untouched" | "deleted" | "described";
  readonly unmapped: readonly number[];
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
type UserField = keyof typeof userFields;
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
    { weight: 6, arbitrary: fc.subarray(Object.keys(userFields) as UserField[]) },
  ),
  password: fc.constantFrom("untouched", "untouched", "reset", "reset, temporary", "deleted"),
  role: fc.constantFrom("untouched", "untouched", "deleted", "described"),
  unmapped: fc.subarray([0, 1, 2]),
  others: fc.subarray([...others]),
});

const untouched: StartingState = {
  realm: "as Keycloak makes it",
  clientPrefix: "cim",
  userPrefix: "customer",
  rolePrefix: "customer",
  lightweightTokens: false,
  mapper: null,
  samlMapper: false,
  user: null,
  role: null,
  mapped: [],
};

test.serial(
  `${runs} combinations of drift are seen as what they are, and repaired (seed ${seed})`,
  async (t) => {
    t.timeout(runs * 60_000);
    const kinds = (Object.keys(realmKinds) as RealmKind[]).filter((kind) => kind !== ofDirectory);
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
  const stack = new Stack();
  await stack.up(...built.program());
  expectNothing(await stack.preview(...built.program()), "a preview after up");
  const user = await built.user();
  await tamper(built, done);
  const before = await built.realm.snapshot();
  const expected = expectedDrift(built, done, user);

  await built.realm.noteWrites();
  const seen = fieldsByChild(await stack.preview(...built.program()));
  if (!isDeepStrictEqual(seen, expected)) {
    throw new Error(`drift seen: ${JSON.stringify(seen)}\nexpected: ${JSON.stringify(expected)}`);
  }
  expectNothing(await built.realm.written(), "what the preview wrote");

  // A deleted user loses its password history.
  const hasHistory = built.state.realm === "with policies" && done.user !== "deleted";
  if (hasHistory && done.password.startsWith("reset")) {
    // The policy forbids earlier passwords: up says so and does not get round it.
    const refused = await stack.up(...built.program()).then(
      () => "not refused",
      (error: Error) => error.message,
    );
    return expectNothing(
      /not be equal to any of last 3.*another customerPassword/.test(refused) ? [] : [refused],
      "up",
    );
  }
  const repaired = (await stack.up(...built.program())).map(({ name }) => name);
  expectNothing(
    repaired.filter((name) => !(name in expected)),
    "what up touched without need",
  );
  expectNothing(await stack.preview(...built.program()), "a preview after the repair");
  const after = await built.realm.snapshot();
  for (const other of done.others) {
    const [was, is] = [before, after].map((snapshot) => ofOthers(snapshot, built, done, other));
    if (!isDeepStrictEqual(was, is)) {
      throw new Error(`${other}: ${JSON.stringify(was)} → ${JSON.stringify(is)}`);
    }
  }
}

async function tamper(built: Built, done: Tampering): Promise<void> {
  const { realm } = built;
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
    const user = await built.user();
    const changes = Object.fromEntries(
      Object.entries(userFields).filter(([name]) => fields.includes(name as UserField)),
    );
    const requiredActions = [
      ...new Set([
        ...user.requiredActions,
        ...(changes.requiredActions === undefined ? [] : userFields.requiredActions),
      ]),
    ];
    await realm.admin("PUT", `/users/${id}`, {
      ...user,
      ...changes,
      requiredActions,
      ...(done.others.includes("attribute") && { attributes: { ...user.attributes, phone: ["0123"] } }),
    });
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
  const requiresAction =
    done.password === "reset, temporary" ||
    (done.user !== "deleted" && done.user.includes("requiredActions"));
  return fields({
    audience: done.mapper === "deleted" ? ["audienceMapper"] : done.mapper,
    role: done.role === "deleted" ? ["realmRole"] : [],
    user: gone
      ? ["user"]
      : (done.user as string[]).filter((field) => field !== "requiredActions" && user[field] !== undefined),
    password: gone
      ? ["password"]
      : [
          ...(done.password === "untouched" ? [] : ["password"]),
          ...(requiresAction ? ["requiredActions"] : []),
        ],
    "role-mappings": gone ? ["roleMappings"] : mapped,
  });
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
      return user.attributes.phone;
    case "other role":
      return user.roleMappings.realmMappings.some(({ name }: Representation) => name === "of-others");
  }
}
