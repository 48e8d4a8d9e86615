// `kill -9` in the middle of an up: after `pulumi cancel` the next up converges, nothing exists twice, nothing that belongs
// to others is touched, and destroy removes what is provably ours and names the rest. `npm test` tries a few kills,
// `npm run test:kill -- --runs N --seed N` as many as you like. The same seed gives the same kills.
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { FaultyProxy, type Seen } from "../../rig/faults/faulty-proxy.ts";
import { doByHand, doEverythingWrong } from "../../rig/keycloak/by-hand.ts";
import { type Representation, TestRealm } from "../../rig/keycloak/realm.ts";
import { TestProject, type TestStack } from "../../rig/pulumi/project.ts";
import { password, succeeded } from "../support/given.ts";
import { DoomedUp, type Victim } from "../support/kill.ts";

const runs = Number(process.env.TEST_KILLS ?? 3);
const seed = Number(process.env.TEST_KILL_SEED ?? Date.now() % 1_000_000);

const states = ["untouched", "done by hand", "wrong in everything"] as const;
const victims: readonly Victim[] = ["everything", "the CLI", "the provider"];
type Moment =
  /** After the start of the up, or after its first request to Keycloak. */
  | { readonly at: "time"; readonly from: "start" | "first request"; readonly milliseconds: number }
  /** Before Keycloak gets the write, or after it has carried the write out but before its answer arrives. */
  | { readonly at: "write"; readonly index: number; readonly done: boolean };

interface Kill {
  readonly state: (typeof states)[number];
  readonly victim: Victim;
  readonly moment: Moment;
}

/** Milliseconds that an up takes on an idle machine: in all, and after its first request to Keycloak. */
const upTakes = { start: 4000, "first request": 1800 };
/** The minimum number of writes to create everything, or to correct everything. */
const writes = 6;

function planned(index: number): Kill {
  const random = generator(seed + index);
  const any = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const state = any(states);
  const from = random() < 0.2 ? "start" : "first request";
  // Every other kill hits a write; a correct realm needs none.
  const moment: Moment =
    index % 2 === 0 && state !== "done by hand"
      ? { at: "write", index: Math.floor(random() * writes), done: random() < 0.5 }
      : { at: "time", from, milliseconds: Math.round(random() * upTakes[from]) };
  return { state, victim: any(victims), moment };
}

/** Mulberry32: a small generator that gives the same numbers everywhere. */
function generator(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

let project: TestProject;
let proxy: FaultyProxy;
test.before(async () => {
  proxy = await FaultyProxy.start();
  project = await TestProject.create({ env: { KEYCLOAK_URL: proxy.url } });
});
test.after.always(async () => {
  proxy.stop();
  await project.delete();
});

for (let index = 0; index < runs; index++) {
  const { state, victim, moment } = planned(index);
  const when =
    moment.at === "time"
      ? `${moment.milliseconds} ms after the ${moment.from}`
      : `at write ${moment.index + 1}, ${moment.done ? "done but not answered" : "not done yet"}`;
  test.serial(`kill ${index + 1} (seed ${seed}): ${victim} ${when}, realm ${state}`, (t) =>
    survives(t, { state, victim, moment }),
  );
}

async function survives(t: ExecutionContext, { state, victim, moment }: Kill): Promise<void> {
  const { realm, stack } = await givenRealm(t, state);
  const before = keyed(await realm.snapshot());
  const up = await killedUp(stack, victim, moment);
  const what = up.inWrite ? "in the middle of a write" : up.killed > 0 ? "at work" : "after its end";
  t.log(`${up.killed} processes killed ${what}; ${up.wrote} writes were sent`);
  if (moment.at === "write") t.true(up.inWrite, `no such write: ${up.output}`);

  const left = keyed(await realm.snapshot());
  await stack.unlock();
  succeeded(t, await stack.up());
  succeeded(t, await stack.preview("--expect-no-changes"));
  t.true(await realm.canLogIn(password));
  const enabled = keyed(await realm.snapshot());
  nothingTwice(t, enabled);
  const { adopted } = (await stack.outputs()).enablements[realm.name];

  const destroyed = await stack.destroy();
  succeeded(t, destroyed);
  const end = keyed(await realm.snapshot());
  for (const path of ["mapper fix-audience", "role customer", "user customer"]) {
    const [kind = ""] = path.split(" ");
    const child = { mapper: "audience" }[kind] ?? kind;
    if (!(path in end)) {
      t.false(path in before, `${path} was there before`);
      t.false(adopted[child], `${path} is not provably ours`);
    } else if (!(path in before)) {
      t.true(adopted[child], `${path} is ours but was left`);
      t.regex(destroyed.output, new RegExp(`'${path.split(" ")[1]}' .* left in place, because `));
    }
  }
  t.deepEqual(strange([before, left], enabled, end), []);
}

test.serial("refresh --clear-pending-creates removes a pending create", async (t) => {
  const { stack } = await givenRealm(t, "untouched");
  const moment = { at: "write", index: 0, done: true } as const;
  t.true((await killedUp(stack, "everything", moment)).inWrite);
  t.regex(await stack.state(), /"pending_operations"/);
  await stack.removeEmptyAttributes();
  const locked = await stack.up();
  t.not(locked.exitCode, 0);
  t.regex(locked.output, /currently locked/);
  await stack.unlock();
  succeeded(t, await stack.up());
  succeeded(t, await stack.run("refresh", "--yes", "--skip-preview", "--clear-pending-creates"));
  t.notRegex(await stack.state(), /"pending_operations"/);
  succeeded(t, await stack.preview("--expect-no-changes"));
  succeeded(t, await stack.destroy());
});

async function givenRealm(t: ExecutionContext, state: Kill["state"]) {
  const realm = await TestRealm.create();
  t.teardown(() => realm.delete());
  await realm.admin("POST", "/users", { username: "bystander", enabled: true, email: "b@example.com" });
  await realm.admin("POST", "/roles", { name: "bystanders", attributes: { of: ["others"] } });
  if (state === "done by hand") await doByHand(realm, password);
  if (state === "wrong in everything") await doEverythingWrong(realm);
  const stack = await project.stack(realm.name, { realm: realm.name, customerPassword: password });
  return { realm, stack };
}

interface Killed {
  readonly killed: number;
  readonly inWrite: boolean;
  readonly wrote: number;
  readonly output: string;
}

async function killedUp(stack: TestStack, victim: Victim, moment: Moment): Promise<Killed> {
  const hit = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  let seen = 0;
  let inWrite = false;
  proxy.decide((request) => {
    started.resolve();
    if (!isWrite(request)) return undefined;
    seen += 1;
    if (moment.at !== "write" || seen !== moment.index + 1) return undefined;
    inWrite = true;
    if (!moment.done) hit.resolve();
    return { passedOn: moment.done, comes: "silence", done: hit.resolve };
  });
  const up = new DoomedUp(stack);
  const ended = up.end(10 * 60_000);
  if (moment.at === "time") {
    if (moment.from === "start") started.resolve();
    started.promise.then(() => sleep(moment.milliseconds)).then(hit.resolve);
  }
  await Promise.race([ended, hit.promise]);
  const killed = await up.kill(victim);
  proxy.decide();
  return { killed, inWrite, wrote: seen, output: up.output };
}

function isWrite({ method, path }: Seen): boolean {
  return method !== "GET" && path.startsWith("/admin/");
}

/** What of a realm is comparable, by name. Marks, labels and sessions are not: they change hands. */
function keyed({ settings, clients, roles, users, profile }: Representation): Record<string, Representation> {
  const named = <T>(kind: string, all: T[], name: (one: T) => string) =>
    all.map((one): [string, T] => [`${kind} ${name(one)}`, one]);
  const cim = clients.find(({ clientId }: { clientId: string }) => clientId === "cim");
  const others = clients.map(({ protocolMappers: _, ...client }: Representation) => client);
  const people = users.map(({ credentials, sessions: _, ...user }: Representation) => ({
    ...user,
    credentials: credentials.length,
    roleMappings: user.roleMappings.realmMappings.map(({ name }: Representation) => name).toSorted(),
  }));
  const all = Object.fromEntries([
    ["settings", settings],
    ["profile", profile],
    ...named("client", others, ({ clientId }: Representation) => clientId),
    ...named("mapper", cim.protocolMappers ?? [], ({ name }: Representation) => name),
    ...named("role", roles, ({ name }: Representation) => name),
    ...named("user", people, ({ username }: Representation) => username),
    ["count", { mappers: cim.protocolMappers?.length ?? 0, roles: roles.length, users: users.length }],
  ]);
  return JSON.parse(JSON.stringify(all), (key, value) =>
    key === "keycloak-apisix.owner" ? undefined : value,
  );
}

/** Counts, because by name a second object would hide the first. */
function nothingTwice(t: ExecutionContext, realm: Record<string, Representation>): void {
  const count = (kind: string) => Object.keys(realm).filter((key) => key.startsWith(`${kind} `)).length;
  t.deepEqual(realm.count, { mappers: count("mapper"), roles: count("role"), users: count("user") });
  t.is(realm["user customer"].credentials, 1);
}

/**
 * Paths whose final value is unexpected. Expected is the value found before the kill; for our own objects also the value
 * found after it, or the one that up writes.
 */
function strange(found: readonly unknown[], enabled: unknown, end: unknown, path = ""): string[] {
  if (path === "count") return [];
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null;
  const at = (value: unknown, key: string) => (isObject(value) ? value[key] : undefined);
  if (isObject(end)) {
    const keys = new Set(
      [...found, enabled, end].flatMap((value) => (isObject(value) ? Object.keys(value) : [])),
    );
    return [...keys].flatMap((key) =>
      strange(
        found.map((value) => at(value, key)),
        at(enabled, key),
        end[key],
        path ? `${path}.${key}` : key,
      ),
    );
  }
  const isOurs = /^(mapper fix-audience|role customer|user customer)\b/.test(path);
  const allowed = isOurs ? [...found, enabled] : found.slice(0, 1);
  if (allowed.some((value) => isDeepEqual(end, value))) return [];
  return [`${path}: ${JSON.stringify(found[0])} → ${JSON.stringify(end)}`];
}

function isDeepEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
