// A renamed object is nobody else's, and not missing either. fast-check generates who renames what after an `up`, and
// whether somebody takes the old name or the program follows. No second object appears, and nothing renamed is harmed.
import test from "ava";
import fc from "fast-check";
import type { Representation } from "../../rig/keycloak/realm.ts";
import { warned } from "../support/corner.ts";
import { Stack } from "../support/engine.ts";
import { differences } from "../support/given.ts";
import { expectNothing, expectSaid, holdsForAll, runsOr, seed } from "../support/property.ts";
import { deleteRealms, demanding, ofMail, ofPolicies, plain } from "../support/realm-kinds.ts";
import { Built, type Renamable, type StartingState, untouched } from "../support/starting-state.ts";

const runs = runsOr(15);

test.after.always(deleteRealms);

interface Renaming {
  readonly renamed: readonly Renamable[];
  /** What happens then: nothing, or others make an object under the old name, or the program takes the new name. */
  readonly next: "nothing" | "the old name is taken" | "the program follows";
  /** Failed logins have locked the user, where the realm counts them. */
  readonly locked: boolean;
}

const renaming: fc.Arbitrary<Renaming> = fc.record({
  renamed: fc.subarray<Renamable>(["user", "role", "client"], { minLength: 1 }),
  next: fc.constantFrom("nothing", "the old name is taken", "the program follows"),
  locked: fc.boolean(),
});

/** Everything is there, and something about the user and the mapper is wrong. */
const found: StartingState = {
  ...untouched,
  mapper: { type: "oidc-audience-mapper", config: { "access.token.claim": "false" } },
  role: { attributes: true, uses: [] },
  mapped: [1],
  user: {
    enabled: true,
    emailVerified: false,
    email: "its username",
    attributes: "ordinary",
    group: true,
    otherRole: true,
    clientRole: false,
    federatedIdentity: true,
    requiredActions: [],
    password: "right",
    label: false,
    locked: false,
  },
};

const startingStates = fc
  .tuple(fc.constantFrom(untouched, found), fc.constantFrom(plain, ofPolicies, demanding, ofMail))
  .map(([state, realm]) => ({ ...state, realm }));

test.serial(`${runs} renamings are named, and do no harm (seed ${seed})`, async (t) => {
  t.timeout(runs * 60_000);
  await holdsForAll(fc.tuple(startingStates, renaming), runs, async ([state, done]) => {
    const built = await Built.of(state);
    try {
      await harmless(built, done);
    } finally {
      await built.delete();
    }
  });
  t.pass();
});

type Names = Partial<Record<Renamable, { readonly id: string; readonly name: string }>>;

async function harmless(built: Built, { renamed, next, locked }: Renaming): Promise<void> {
  const stack = new Stack();
  const pristine = await built.snapshot();
  await stack.up(...built.program());
  // Where the program follows, the token check runs again, and does not try to log in a locked user.
  if (locked && next !== "the program follows" && built.countsFailures) await built.lock();
  const names: Names = {};
  for (const what of renamed) {
    const renaming = await built.rename(what);
    names[what] = renaming;
    if (next === "the program follows") built.follow(what, renaming.name);
    if (next === "the old name is taken") await built.replace(what);
  }
  if (next === "the program follows") await heldOnTo(built, stack, pristine);
  // A mapper that is ours is not made a second time on another client.
  else if (next === "the old name is taken" && (built.state.mapper || !names.client))
    await leftToOthers(built, stack, names);
  else await refused(built, stack, names, next);
}

/** The preview and `up` say what is renamed, nothing is written, and `destroy` leaves what is renamed. */
async function refused(built: Built, stack: Stack, names: Names, next: Renaming["next"]): Promise<void> {
  const { realm } = built;
  const before = await built.snapshot();
  await realm.noteWrites();
  warned();
  if (names.client && next === "nothing") {
    await expectSaid(stack.preview(...built.program()), named(names.client));
  } else {
    await stack.preview(...built.program());
    expectNames(Object.values(names));
  }
  await expectSaid(stack.up(...built.program()), named(...Object.values(names)));
  expectNothing(await realm.written(), "what up wrote");
  const resources = [...stack.state.keys()];
  await stack.refresh();
  expectNothing(differences(resources, [...stack.state.keys()]), "what refresh forgot");

  const free = await released(built, names);
  warned();
  await stack.destroy();
  // A role that was there already, and needed no change, is nothing to talk about.
  const isToTell = ([what]: [string, unknown]) => what !== "role" || !built.state.role;
  expectNames(Object.entries(names).flatMap((entry) => (isToTell(entry) ? entry[1] : [])));
  expectNothing(harm(before, await built.snapshot(), free), "after destroy");
  const isRoleInUse = names.user && !names.role;
  expectNothing(isRoleInUse && !(await built.role()) ? [names] : [], "a role that the renamed user has");
}

/** The renamed objects are told and left, and those that others made under the old names are adopted and put back. */
async function leftToOthers(built: Built, stack: Stack, names: Names): Promise<void> {
  const before = await built.snapshot();
  warned();
  await stack.preview(...built.program());
  expectNames(Object.values(names));
  await stack.up(...built.program());
  expectNothing(await stack.preview(...built.program()), "a preview after up");
  const free = await released(built, names);
  await stack.destroy();
  const after = await built.snapshot();
  expectNothing(harm(revocable(before, built), revocable(after, built), free), "after destroy");
}

function revocable(snapshot: Representation, { irrevocable }: Built): Representation {
  const users = snapshot.users.map((user: Representation) => {
    const kept = Object.entries(user.attributes ?? {}).filter(([name]) => !irrevocable.includes(name));
    return { ...user, attributes: Object.fromEntries(kept) };
  });
  return { ...snapshot, users };
}

/** The program has followed: all is as if nobody had renamed anything. */
async function heldOnTo(built: Built, stack: Stack, pristine: Representation): Promise<void> {
  await stack.up(...built.program());
  expectNothing(await stack.preview(...built.program()), "a preview after up");
  await built.realm.noteWrites();
  expectNothing(await stack.up(...built.program()), "a second up");
  expectNothing(await built.realm.written(), "what the second up wrote");
  warned();
  await stack.destroy();
  if (!built.state.user) expectNothing(warned(), "what destroy leaves");
  const after = await built.snapshot();
  const ids = (snapshot: Representation) =>
    [...snapshot.users, ...snapshot.roles].map(({ id }: Representation) => id).toSorted();
  expectNothing(differences(ids(pristine), ids(after)), "users and roles after destroy");
  const mappers = built.mappers(await built.client());
  expectNothing(mappers.length === (built.state.mapper ? 1 : 0) ? [] : mappers, "mappers after destroy");
}

/** Ids of what `destroy` may change: what still has its name. */
async function released(built: Built, names: Names): Promise<string[]> {
  const [user, role, client] = await Promise.all([built.user(), built.role(), built.client()]);
  return [
    ...(names.user ? [] : [user.id]),
    ...(names.role ? [] : [role.id]),
    ...(names.client ? [] : [client.id]),
  ];
}

/** What is gone or different, apart from the objects with these ids. */
function harm(before: Representation, after: Representation, free: readonly string[]): string[] {
  const rest = (snapshot: Representation, kind: string) =>
    Object.fromEntries(
      snapshot[kind]
        .filter(({ id }: Representation) => !free.includes(id))
        .map((each: Representation) => [each.id, each]),
    );
  return ["users", "roles", "clients"].flatMap((kind) =>
    differences(rest(before, kind), rest(after, kind), kind),
  );
}

function named(...names: { readonly name: string }[]): RegExp {
  return new RegExp(names.map(({ name }) => `'${name}'`).join("|"));
}

/** The warnings name all of them. */
function expectNames(names: readonly { readonly name: string }[]): void {
  const said = warned().join("\n");
  const unsaid = names.filter(({ name }) => !said.includes(`'${name}'`));
  expectNothing(unsaid.length > 0 ? [...unsaid, said] : [], "what is not said");
}
