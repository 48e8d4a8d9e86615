// An admin with too few rights is told which. fast-check generates what it may do at each command. The command does what
// it does for an admin of the whole server, or it names a right that is missing, and works once that is given. Before
// that nothing is called missing that is there, nothing leaves the state, and nothing of others is touched.
import test from "ava";
import fc from "fast-check";
import { type Representation, server } from "../../rig/keycloak/realm.ts";
import { warned } from "../support/corner.ts";
import { type Declared, Stack } from "../support/engine.ts";
import { differences } from "../support/given.ts";
import { homes, LimitedAdmin } from "../support/limited-admin.ts";
import { comparable, withoutOurs, withUser } from "../support/ours.ts";
import { expectNothing, holdsForAll, runsOr, seed } from "../support/property.ts";
import {
  bystander,
  deleteRealms,
  demanding,
  ofDirectory,
  ofMail,
  ofPolicies,
  plain,
} from "../support/realm-kinds.ts";
import { Built, type Renamable, type StartingState, startingState } from "../support/starting-state.ts";

const runs = runsOr(15);

test.after.always(deleteRealms);

const rightsOver = (what: "users" | "clients" | "realm") =>
  fc.constantFrom("query", "view", "manage", "manage", "no").map((how) => {
    if (how === "no") return [];
    return [how === "query" && what === "realm" ? "query-realms" : `${how}-${what}`];
  });
const rights = fc
  .tuple(
    rightsOver("users"),
    rightsOver("clients"),
    rightsOver("realm"),
    fc.subarray(["query-groups", "create-client", "impersonation", "view-events", "view-identity-providers"]),
  )
  .map((all) => all.flat());

const objects = ["none", "ours", "another", "all", "all but ours"] as const;
const fineGrained = fc.record({
  users: fc.constantFrom(...objects),
  clients: fc.constantFrom(...objects),
  scopes: fc.subarray(["view", "manage"], { minLength: 1 }),
});

const programs = {
  everything: () => true,
  "as before CX 4.10.1": ({ kind }) => kind !== "realmRole" && kind !== "roleMappings",
  "without a customer": ({ kind }) => kind === "audienceMapper",
  "the role alone": ({ kind }) => kind === "realmRole",
} satisfies Record<string, (each: Declared) => boolean>;

/** What somebody does to what an `up` has made. */
const changes = ["user deleted", "role deleted", "mapper deleted", "password reset", "roles taken"] as const;
type Change = (typeof changes)[number];

const limits = fc.record({
  home: fc.constantFrom(...homes),
  program: fc.constantFrom(...(Object.keys(programs) as (keyof typeof programs)[])),
  withScope: fc.boolean(),
  /** An admin of the whole server has run `up` before. */
  isSetUp: fc.boolean(),
  /** What somebody has done since then. */
  changed: fc.oneof(fc.constant<Change[]>([]), fc.subarray<Change>([...changes])),
  /** Or what somebody has renamed. */
  renamed: fc.option(fc.constantFrom<Renamable>("user", "role", "client"), { freq: 3 }),
  locked: fc.boolean(),
  /** The admin does not ask for more rights if `up` fails. */
  givesUp: fc.boolean(),
  /** They add to the rights at every command. */
  fineGrained: fc.option(fineGrained, { freq: 3 }),
  preview: rights,
  up: rights,
  refresh: rights,
  destroy: rights,
});
type Limits = typeof limits extends fc.Arbitrary<infer T> ? T : never;

const cases = fc.tuple(startingState, limits).map(([state, all]): [StartingState, Limits] => {
  const realm = state.realm === ofDirectory ? plain : state.realm;
  // Nothing but rights is to be in the way.
  const user = state.user && {
    ...state.user,
    ...(realm === ofMail && { email: "its username" as const }),
    ...(realm === demanding && { attributes: "none" as const }),
  };
  // Keycloak 26.7 drops the email address that an admin of the realm itself gives a user who is asked for another.
  // Keycloak 19 takes no token of a realm whose name has a space in it.
  const home = realm === ofPolicies || !server.isFrom("26.0.0") ? "master" : all.home;
  return [
    { ...state, realm, user, otp: false, profile: [] },
    { ...all, home },
  ];
});

test.serial(`${runs} admins with few rights are told what is missing (seed ${seed})`, async (t) => {
  t.timeout(runs * 60_000);
  await holdsForAll(cases, runs, async ([state, limits]) => {
    const built = await Built.of(state);
    const admin = await LimitedAdmin.create(built.realm, limits.home);
    try {
      await staysWithinLimits(built, admin, limits);
    } finally {
      await admin.delete();
      await built.delete();
    }
  });
  t.pass();
});

async function staysWithinLimits(built: Built, admin: LimitedAdmin, limits: Limits): Promise<void> {
  const { realm } = built;
  await permit(built, admin, limits);
  const program = programOf(built, limits);
  const pristine = await built.snapshot();
  const stack = new Stack(admin.connection);
  let renamed: string | undefined;
  if (limits.isSetUp) {
    const full = fullOf(stack);
    await full.up(...program);
    stack.state = full.state;
    if (limits.locked && built.countsFailures && stack.state.has("user")) await built.lock();
    renamed = await change(built, stack, limits);
  }
  const theirs = async () => withoutOurs(withoutFurther(await built.snapshot(), built), built, pristine);
  const others = await theirs();
  const untouched = async () => expectNothing(differences(others, await theirs()), "what is not ours");

  await realm.noteWrites();
  await sameAsFull(admin, stack, limits.preview, (each) => each.preview(...program), "preview");
  expectNothing(await admin.written(), "what the preview wrote");

  // What is renamed is refused before anything is written.
  const expected = renamed && (await failureOf(fullOf(stack).up(...program)));
  const failure = await attempted(admin, limits.up, () => stack.up(...program), {
    expected,
    givesUp: limits.givesUp,
    afterFailure: untouched,
  });
  await untouched();
  if (failure === undefined) {
    expectNothing(await fullOf(stack).preview(...program), "a preview after up");
    await realm.noteWrites();
    expectNothing(await fullOf(stack).up(...program), "a second up");
    expectNothing(await admin.written(), "what a second up wrote");
    const mappers = built.mappers(await built.client()).filter(isOfOpenId);
    expectNothing(mappers.length > 1 ? mappers : [], "mappers of one name");
  }

  await realm.noteWrites();
  await sameAsFull(admin, stack, limits.refresh, (each) => each.refresh(), "refresh");
  expectNothing(await admin.written(), "what refresh wrote");

  const isLockedForGood = limits.isSetUp && limits.locked && (await built.user())?.enabled === false;
  warned();
  await attempted(admin, limits.destroy, () => stack.destroy(), { afterFailure: untouched });
  const said = warned().join("\n");
  await untouched();
  if (limits.isSetUp && (renamed || limits.changed.length > 0)) return expectNamed(built, said, renamed);
  const expectedEnd = isLockedForGood
    ? withUser(pristine, built, (user) => ({ ...user, enabled: false }))
    : pristine;
  const after = await built.snapshot();
  const left = differences(comparable(expectedEnd, built), comparable(after, built));
  expectNothing(left.length > 0 ? [...left, said] : [], "after destroy");
}

async function permit(built: Built, admin: LimitedAdmin, { home, fineGrained }: Limits): Promise<void> {
  if (!fineGrained || home === "master" || !server.isFrom("26.2.0")) return;
  const { realm } = built;
  for (const [type, which, ours, another] of [
    ["Users", fineGrained.users, await built.user(), await realm.user(bystander.username)],
    ["Clients", fineGrained.clients, await built.client(), await realm.client("account")],
  ] as const) {
    if (which === "none" || (!ours && which !== "another" && which !== "all")) continue;
    const ids = { ours: [ours?.id], another: [another.id], all: [], "all but ours": [] }[which];
    await admin.permit(type, fineGrained.scopes, ids);
    if (which === "all but ours") await admin.permit(type, ["view"], [ours.id], "NEGATIVE");
  }
}

/** @returns the new name if it is renamed */
async function change(built: Built, stack: Stack, { changed, renamed }: Limits): Promise<string | undefined> {
  const { realm, state } = built;
  const isMade = { user: !state.user, role: !state.role, client: true };
  const resource = { user: "user", role: "role", client: "audience" } as const;
  if (renamed) {
    const isOurs = isMade[renamed] && stack.state.has(resource[renamed]);
    return isOurs ? (await built.rename(renamed)).name : undefined;
  }
  const is = (what: Change, name: string) => changed.includes(what) && stack.state.has(name);
  if (is("mapper deleted", "audience") && !state.mapper) {
    const client = await built.client();
    const [mapper] = built.mappers(client).filter(isOfOpenId);
    await realm.admin("DELETE", `/clients/${client.id}/protocol-mappers/models/${mapper.id}`);
  }
  if (is("role deleted", "role") && !state.role) {
    await realm.admin("DELETE", `/roles-by-id/${(await built.role()).id}`);
  }
  if (state.user || !stack.state.has("user")) return undefined;
  const path = `/users/${(await built.user()).id}`;
  if (is("roles taken", "role-mappings")) {
    const mappings = `${path}/role-mappings/realm`;
    await realm.admin("DELETE", mappings, await realm.admin("GET", mappings));
  }
  // A history policy would refuse to set the configured password again.
  if (is("password reset", "password") && state.realm !== ofPolicies) {
    const credential = { type: "password", value: "Somebody's own 3!", temporary: true };
    await realm.admin("PUT", `${path}/reset-password`, credential);
  }
  if (is("user deleted", "user")) await realm.admin("DELETE", path);
  return undefined;
}

/** What `destroy` leaves of what the stack has made is named. */
async function expectNamed(built: Built, said: string, renamed: string | undefined): Promise<void> {
  const { state } = built;
  const [user, role, client] = [await built.user(), await built.role(), await built.client()];
  const left = [
    ...(renamed ? [renamed] : []),
    ...(user && !state.user ? [built.username] : []),
    ...(role && !state.role ? [built.roleName] : []),
    ...(client && !state.mapper && built.mappers(client).some(isOfOpenId) ? [built.mapperName] : []),
  ];
  const unsaid = left.filter((name) => !said.includes(`'${name}'`));
  expectNothing(unsaid.length > 0 ? [...unsaid, said] : [], "what destroy left without a word");
}

/** The stack as an admin of the whole server sees it. */
function fullOf(stack: Stack): Stack {
  const full = new Stack();
  full.state = new Map(stack.state);
  return full;
}

/** The command does exactly what it does for an admin of the whole server. */
async function sameAsFull(
  admin: LimitedAdmin,
  stack: Stack,
  rights: readonly string[],
  command: (stack: Stack) => Promise<unknown>,
  what: string,
): Promise<void> {
  const full = fullOf(stack);
  let steps: unknown;
  const observed = async (each: Stack) => {
    steps = undefined;
    steps = await command(each);
  };
  const outcome = ({ state }: Stack) => ({ steps, state: Object.fromEntries(state) });
  const expected = await failureOf(observed(full));
  const ofFull = outcome(full);
  await attempted(admin, rights, () => observed(stack), {
    expected,
    afterFailure: async () => {
      const dropped = [...full.state.keys()].filter((name) => !stack.state.has(name));
      expectNothing(dropped, `what a failed ${what} dropped from the state`);
    },
  });
  expectNothing(differences(ofFull, outcome(stack)), what);
}

/**
 * Runs the command with these rights, and one more whenever a failure names one.
 * @returns the failure that was expected, or the first one if the admin gives up
 */
async function attempted(
  admin: LimitedAdmin,
  rights: readonly string[],
  command: () => Promise<unknown>,
  {
    expected,
    givesUp,
    afterFailure,
  }: { expected?: string; givesUp?: boolean; afterFailure: () => Promise<void> },
): Promise<string | undefined> {
  const has = new Set(rights);
  await admin.limitTo(rights);
  for (;;) {
    const failure = await failureOf(command());
    if (failure === expected) return failure;
    const named = /'((?:view|manage|query)-(?:users|clients|realm))'/g;
    const missing = [...(failure ?? "").matchAll(named)].flatMap(([, name = ""]) =>
      has.has(name) ? [] : [name],
    );
    const [next] = missing;
    if (next === undefined)
      throw new Error(`not "${expected}" and no missing right, with ${[...has]}: ${failure}`);
    await afterFailure();
    if (givesUp) return failure;
    has.add(next);
    await admin.give([next]);
  }
}

async function failureOf(command: Promise<unknown>): Promise<string | undefined> {
  return command.then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** The resources of the program, with two further ones where it asks for them. */
function programOf(built: Built, { program, withScope }: Limits): Declared[] {
  const isDeclared: (each: Declared) => boolean = programs[program];
  const withoutRoles = (each: Declared) =>
    each.kind === "tokenCheck" ? { ...each, inputs: { ...each.inputs, roles: [] } } : each;
  const all = built.program().filter(isDeclared);
  const declared = program === "as before CX 4.10.1" ? all.map(withoutRoles) : all;
  if (!withScope || program === "the role alone") return declared;
  const inputs = { realm: built.realm.name, client: built.clientId };
  return [
    { name: "gateway-scope", kind: "gatewayScope", inputs: { ...inputs, scope: scopeOf(built) } },
    { name: "token-lifespan", kind: "tokenLifespan", inputs: { ...inputs, seconds: 1800 } },
    ...declared,
  ];
}

const scopeOf = ({ clientId }: Built) => `scope-${clientId.replace(/.*-/, "")}`;

/** Without what these two write to the client. */
function withoutFurther(snapshot: Representation, built: Built): Representation {
  const clients = snapshot.clients.map((client: Representation) => {
    if (client.clientId !== built.clientId) return client;
    const { "access.token.lifespan": _lifespan, ...attributes } = client.attributes;
    const defaultClientScopes = client.defaultClientScopes.filter((name: string) => name !== scopeOf(built));
    return { ...client, attributes, defaultClientScopes };
  });
  return { ...snapshot, clients };
}

const isOfOpenId = ({ protocol }: Representation) => protocol === "openid-connect";
