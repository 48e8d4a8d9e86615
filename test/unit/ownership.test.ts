// May an object be removed or put back? Every combination of what can be known is tried against the four
// conditions of DESIGN ("Ownership"), written down here a second time and on their own.
import test from "ava";
import {
  type Holder,
  type Holding,
  isMark,
  type LiveObject,
  markOf,
  newHolder,
  type Release,
  Run,
  readMark,
  release,
} from "../../components/provider/ownership.ts";

const server = "https://keycloak.example.com/auth";
const ours = markOf("ours");
const theirs = markOf("theirs");

function holding(changes: Partial<Holding> = {}): Holding {
  return {
    server,
    uuid: "uuid",
    adopted: true,
    holder: "ours",
    mark: ours,
    before: { fields: { enabled: { found: false, written: true } } },
    ...changes,
  };
}

function live(changes: Partial<LiveObject> = {}): LiveObject {
  return {
    attached: false,
    uuid: "uuid",
    fields: { enabled: true },
    mark: { carries: true, text: ours },
    ...changes,
  };
}

/** Every combination of one value of each list. */
function combinations<T extends Record<string, readonly unknown[]>>(
  lists: T,
): { [K in keyof T]: T[K][number] }[] {
  return Object.entries(lists).reduce<Record<string, unknown>[]>(
    (all, [name, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  ) as { [K in keyof T]: T[K][number] }[];
}

const marks: Record<string, LiveObject["mark"]> = {
  "cannot carry one": { carries: false },
  gone: { carries: true },
  "somebody's text": { carries: true, text: "my laptop" },
  ours: { carries: true, text: ours },
  "ours, handed over (created)": { carries: true, text: `${ours} (created)` },
  "ours, handed over (adopted)": { carries: true, text: `${ours} (adopted)` },
  "another stack's": { carries: true, text: theirs },
  "another stack's, handed over": { carries: true, text: `${theirs} (created)` },
};
const fields: Record<string, { before: Holding["before"]["fields"]; live: LiveObject["fields"] }> = {
  "never changed": { before: { a: { found: "x", written: "x" } }, live: { a: "x" } },
  "holds what we wrote": { before: { a: { found: "x", written: "y" } }, live: { a: "y" } },
  "changed by somebody": { before: { a: { found: "x", written: "y" } }, live: { a: "z" } },
  "put back by somebody": { before: { a: { found: "x", written: "y" } }, live: { a: "x" } },
  "taken away by somebody": { before: { a: { found: "x", written: "y" } }, live: {} },
  "was not there": { before: { a: { found: undefined, written: "y" } }, live: { a: "y" } },
};
const everything = combinations({
  isServer: [server, "https://other.example.com/auth", "https://keycloak.example.com"],
  uuid: ["uuid", "another", undefined],
  other: [
    undefined,
    { mark: theirs, inherited: false },
    { mark: theirs, inherited: true },
    { mark: ours, inherited: false },
  ] as (Holder | undefined)[],
  mark: Object.keys(marks),
  field: Object.keys(fields),
  adopted: [true, false],
  attached: [true, false],
  irreversible: [{}, { a: "it cannot be read" }] as Record<string, string>[],
  foundMark: [undefined, "my laptop", theirs],
});

type Case = (typeof everything)[number];

function decide(one: Case): Release {
  const { before, live: now } = fields[one.field] ?? { before: {}, live: {} };
  return release(
    holding({
      adopted: one.adopted,
      before: { fields: before, ...(one.foundMark && { mark: one.foundMark }) },
    }),
    one.isServer,
    one.uuid === undefined
      ? undefined
      : live({
          uuid: one.uuid,
          attached: one.attached,
          fields: now,
          mark: marks[one.mark] ?? { carries: false },
        }),
    one.other,
    one.irreversible,
  );
}

const same = (one: Case) => one.isServer === server && one.uuid === "uuid";
const oursOrNone = (one: Case) => one.mark === "cannot carry one" || one.mark.startsWith("ours");
const created = (one: Case) => !one.adopted || one.mark === "ours, handed over (created)";
const mayTouch = (one: Case) => same(one) && one.other === undefined && oursOrNone(one);

test("removed is an object if and only if all holds: same server and id, no other holder, our mark, made by us", (t) => {
  let removed = 0;
  for (const one of everything) {
    const expected = mayTouch(one) && created(one) && !one.attached;
    if (expected) removed += 1;
    t.is(decide(one).do === "remove", expected, JSON.stringify(one));
  }
  t.true(removed > 0);
});

test("each condition alone forbids removing", (t) => {
  const mine = holding({ adopted: false });
  t.is(release(mine, server, live(), undefined).do, "remove");
  const broken: [string, Release][] = [
    ["server", release(mine, "https://other.example.com/auth", live(), undefined)],
    ["id", release(mine, server, live({ uuid: "another" }), undefined)],
    ["other holder", release(mine, server, live(), { mark: theirs, inherited: false })],
    ["mark gone", release(mine, server, live({ mark: { carries: true } }), undefined)],
    ["mark another's", release(mine, server, live({ mark: { carries: true, text: theirs } }), undefined)],
    ["adopted", release(holding({ adopted: true }), server, live(), undefined)],
    ["part of another object", release(mine, server, live({ attached: true }), undefined)],
  ];
  for (const [condition, decision] of broken) t.not(decision.do, "remove", condition);
});

test("put back is something only where all conditions hold, and then only a field that still holds what we wrote", (t) => {
  for (const one of everything) {
    const decision = decide(one);
    if (decision.do !== "restore") continue;
    const what = JSON.stringify({ one, decision });
    t.true(mayTouch(one), what);
    t.false(created(one) && !one.attached, what);
    const { before, live: now } = fields[one.field] ?? { before: {}, live: {} };
    for (const [name, value] of Object.entries(decision.fields)) {
      t.deepEqual(now[name], before[name]?.written, what);
      t.deepEqual(value, before[name]?.found, what);
      t.notDeepEqual(before[name]?.found, before[name]?.written, what);
      t.true(one.irreversible[name] === undefined || before[name]?.found === undefined, what);
    }
  }
});

test("put back is every field that still holds what we wrote, where all conditions hold", (t) => {
  for (const one of everything) {
    const back = ["holds what we wrote", "was not there"].includes(one.field);
    if (!mayTouch(one) || (created(one) && !one.attached) || !back) continue;
    const decision = decide(one);
    const what = JSON.stringify({ one, decision });
    const kept = one.irreversible.a !== undefined && one.field === "holds what we wrote";
    t.is(decision.do, "restore", what);
    if (decision.do !== "restore") continue;
    t.deepEqual(decision.left, kept ? { a: "it cannot be read" } : {}, what);
    t.deepEqual(decision.fields, kept ? {} : { a: one.field === "was not there" ? undefined : "x" }, what);
  }
});

test("on another server nothing is touched, and both are named", (t) => {
  const decision = release(holding(), "https://new.example.com", live(), undefined);
  t.deepEqual(decision, {
    do: "leave",
    why: `it lives on ${server}, and this stack now talks to https://new.example.com`,
  });
});

test("what is gone already is done, without a word", (t) => {
  t.deepEqual(release(holding({ adopted: false }), server, undefined, undefined), { do: "nothing" });
});

test("what somebody made again is left, and said so", (t) => {
  const decision = release(holding({ adopted: false }), server, live({ uuid: "new" }), undefined);
  t.deepEqual(decision, { do: "leave", why: "somebody deleted it and made it again since" });
});

test("a mark that is gone and one of another stack are told apart", (t) => {
  const mine = holding({ adopted: false });
  const gone = release(mine, server, live({ mark: { carries: true, text: "my laptop" } }), undefined);
  const taken = release(mine, server, live({ mark: { carries: true, text: theirs } }), undefined);
  t.regex(gone.do === "leave" ? gone.why : "", /our owner mark on it is gone/);
  t.regex(taken.do === "leave" ? taken.why : "", /another stack has adopted it/);
});

test("a field that somebody changed since stays, with the reason; the others go back", (t) => {
  const decision = release(
    holding({
      before: {
        fields: {
          enabled: { found: false, written: true },
          emailVerified: { found: false, written: true },
          email: { found: undefined, written: "a@b.invalid" },
          same: { found: "1", written: "1" },
          back: { found: "1", written: "2" },
        },
        mark: "my laptop",
      },
    }),
    server,
    live({
      fields: { enabled: true, emailVerified: undefined, email: "a@b.invalid", same: "3", back: "1" },
    }),
    undefined,
  );
  t.deepEqual(decision, {
    do: "restore",
    fields: { enabled: false, email: undefined },
    mark: "my laptop",
    left: { emailVerified: "somebody has changed it since" },
  });
});

test("lists are compared by what they hold", (t) => {
  const before = { fields: { requiredActions: { found: ["VERIFY_EMAIL"], written: [] } } };
  const decision = release(holding({ before }), server, live({ fields: { requiredActions: [] } }), undefined);
  t.deepEqual(decision.do === "restore" && decision.fields, { requiredActions: ["VERIFY_EMAIL"] });
});

test("an adopted object that was right is left without a word, whatever its mark", (t) => {
  const untouched = holding({ before: { fields: { enabled: { found: true, written: true } } } });
  for (const text of [undefined, "my laptop", theirs]) {
    t.deepEqual(release(untouched, server, live({ mark: { carries: true, text } }), undefined), {
      do: "nothing",
    });
  }
});

test("what cannot be put back is named with its reason, unless it was not there before", (t) => {
  const why = { password: "a password cannot be read" };
  const attached = (found: string | undefined) =>
    release(
      holding({ before: { fields: { password: { found, written: "set now" } } } }),
      server,
      live({ attached: true, fields: { password: "set now" } }),
      undefined,
      why,
    );
  const known = attached("set before");
  t.deepEqual(known.do === "restore" && [known.fields, known.left], [{}, why]);
  const fresh = attached(undefined);
  t.deepEqual(fresh.do === "restore" && [fresh.fields, fresh.left], [{ password: undefined }, {}]);
});

test("with another holder in this run nothing but the mark is written, and only on what carries one", (t) => {
  for (const one of everything) {
    if (!same(one) || !one.other) continue;
    const decision = decide(one);
    const what = JSON.stringify({ one, decision });
    t.is(decision.do, "hand over", what);
    if (decision.do !== "hand over" || decision.mark === undefined) continue;
    t.false(one.attached, what);
    t.not(one.mark, "cannot carry one", what);
    t.true(decision.mark.startsWith(one.other.mark), what);
  }
});

test("handing over what we made tells the new holder that it may be removed", (t) => {
  const other = { mark: theirs, inherited: false };
  const taken = live({ mark: { carries: true, text: theirs } });
  t.deepEqual(release(holding({ adopted: false }), server, taken, other), {
    do: "hand over",
    mark: `${theirs} (created)`,
  });
  const next = holding({ holder: "theirs", mark: theirs });
  const handed = live({ mark: { carries: true, text: `${theirs} (created)` } });
  t.is(release(next, server, handed, undefined).do, "remove");
});

test("handing over what we adopted tells the new holder that our mark is not to be put back", (t) => {
  const other = { mark: theirs, inherited: false };
  const taken = live({ mark: { carries: true, text: theirs } });
  t.deepEqual(release(holding({ adopted: true }), server, taken, other), {
    do: "hand over",
    mark: `${theirs} (adopted)`,
  });
  const next = holding({ holder: "theirs", mark: theirs, before: { fields: {}, mark: ours } });
  const handed = live({ mark: { carries: true, text: `${theirs} (adopted)` } });
  t.deepEqual(release(next, server, handed, undefined), {
    do: "restore",
    fields: {},
    mark: undefined,
    left: {},
  });
});

test("a holder that inherited needs no word through the mark", (t) => {
  const taken = live({ mark: { carries: true, text: theirs } });
  const inherited = { mark: theirs, inherited: true };
  t.deepEqual(release(holding({ adopted: false }), server, taken, inherited), { do: "hand over" });
});

test("a third holder's mark is not written over", (t) => {
  const third = live({ mark: { carries: true, text: markOf("third") } });
  const other = { mark: theirs, inherited: false };
  t.deepEqual(release(holding({ adopted: false }), server, third, other), { do: "hand over" });
});

test("a mark is read as ours only where it is exactly ours", (t) => {
  t.deepEqual(readMark(ours, ours), { ours: true });
  t.deepEqual(readMark(`${ours} (created)`, ours), { ours: true, handedOver: "created" });
  t.deepEqual(readMark(`${ours} (adopted)`, ours), { ours: true, handedOver: "adopted" });
  for (const text of [
    undefined,
    "",
    theirs,
    `${ours}x`,
    `${ours} (deleted)`,
    ours.slice(0, -1),
    ` ${ours}`,
  ]) {
    t.deepEqual(readMark(text, ours), { ours: false }, String(text));
  }
});

test("an owner mark is told from somebody's own words", (t) => {
  t.true(isMark(ours));
  t.true(isMark(`${theirs} (created)`));
  for (const text of [undefined, "", "keycloak-apisix", "my laptop", "the keycloak-apisix one"]) {
    t.false(isMark(text), String(text));
  }
});

test("no two resources get the same holder", (t) => {
  t.is(new Set(Array.from({ length: 1000 }, newHolder)).size, 1000);
});

test("a run knows who else has held the same object, and only the same", (t) => {
  const run = new Run();
  const a = holding({ holder: "a", mark: markOf("a") });
  const b = holding({ holder: "b", mark: markOf("b") });
  t.is(run.otherHolder("cx", "role", a), undefined);
  run.hold("cx", "role", a);
  t.is(run.otherHolder("cx", "role", a), undefined, "oneself is no other");
  run.hold("cx", "role", b, true);
  t.like(run.otherHolder("cx", "role", a), { mark: markOf("b"), inherited: true });
  t.like(run.otherHolder("cx", "role", b), { mark: markOf("a"), inherited: false });
  t.is(run.otherHolder("other", "role", a), undefined, "another realm");
  t.is(run.otherHolder("cx", "user", a), undefined, "another kind");
  t.is(run.otherHolder("cx", "role", { ...a, uuid: "another" }), undefined, "another id");
  t.is(run.otherHolder("cx", "role", { ...a, server: "http://x" }), undefined, "another server");
});

test("who has let go holds no more", (t) => {
  const run = new Run();
  const a = holding({ holder: "a", mark: markOf("a") });
  const b = holding({ holder: "b", mark: markOf("b") });
  run.hold("cx", "role", a);
  run.hold("cx", "role", b);
  t.is(run.lastHolding(server, "cx", "role", "uuid"), b);
  run.letGo("cx", "role", b);
  t.is(run.otherHolder("cx", "role", a), undefined);
  t.is(run.lastHolding(server, "cx", "role", "uuid"), a);
});

test("names that look alike when put together are not mixed up", (t) => {
  const run = new Run();
  run.hold("a", "role", holding({ holder: "a", uuid: "b/c" }));
  t.is(run.lastHolding(server, "a/role", "b", "c"), undefined);
  t.is(run.lastHolding(server, 'a","role', "b/c", ""), undefined);
});
