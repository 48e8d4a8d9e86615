// May an object be removed or put back? Every combination of what can be known is tried against the four conditions of
// docs/design.md ("Ownership"), written down here a second time and on their own.
import test from "ava";
import { Holders } from "./holders.ts";
import type { LiveObject } from "./kind.ts";
import { handOverMark, isMark, markOf, newKey, readMark } from "./marks.ts";
import { type Facts, type Holder, idNotKnown, type Ownership, type Release, release } from "./ownership.ts";

const server = "https://keycloak.example.com/auth";
const elsewhere = "https://other.example.com/auth";
const [ourKey, theirKey, thirdKey] = ["our key", "their key", "a third key"];
const [ours, theirs] = [markOf(ourKey), markOf(theirKey)];

type Live = NonNullable<Facts["live"]>;

function owned(changes: Partial<Ownership> = {}): Ownership {
  return {
    server,
    id: "id",
    adopted: true,
    key: ourKey,
    mark: ours,
    before: { fields: { enabled: { found: false, written: true } } },
    ...changes,
  };
}

function live(changes: Partial<Live> = {}): Live {
  return { id: "id", fields: { enabled: true }, mark: { carries: true, text: ours }, ...changes };
}

function holder(changes: Partial<Ownership> = {}, inherited = false): Holder {
  return { ownership: owned({ key: theirKey, mark: theirs, ...changes }), inherited };
}

function decide(facts: Partial<Facts> = {}): Release {
  return release({ ownership: owned(), server, live: live(), isPart: false, other: undefined, ...facts });
}

const texts = ({ say }: Release) => say.map(({ text }) => text).join("\n");

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
  "ours, handed over (created)": { carries: true, text: handOverMark(ourKey, "created") },
  "ours, handed over (adopted)": { carries: true, text: handOverMark(ourKey, "adopted") },
  "ours, claimed without proof": { carries: true, text: `${ours} (created)` },
  "ours, claimed with our own mark": { carries: true, text: `${ours} (created ${ours})` },
  "another stack's": { carries: true, text: theirs },
  "another stack's, handed over": { carries: true, text: handOverMark(theirKey, "created") },
};
const fields: Record<string, { before: Ownership["before"]["fields"]; live: Live["fields"] }> = {
  "never changed": { before: { a: { found: "x", written: "x" } }, live: { a: "x" } },
  "holds what we wrote": { before: { a: { found: "x", written: "y" } }, live: { a: "y" } },
  "changed by somebody": { before: { a: { found: "x", written: "y" } }, live: { a: "z" } },
  "put back by somebody": { before: { a: { found: "x", written: "y" } }, live: { a: "x" } },
  "taken away by somebody": { before: { a: { found: "x", written: "y" } }, live: {} },
  "was not there": { before: { a: { found: undefined, written: "y" } }, live: { a: "y" } },
};
const everything = combinations({
  server: [server, elsewhere, "https://keycloak.example.com"],
  id: ["id", "another", undefined],
  recordedId: ["id", idNotKnown],
  other: [undefined, holder(), holder({}, true), holder({ key: ourKey, mark: ours })] as (
    | Holder
    | undefined
  )[],
  mark: Object.keys(marks),
  field: Object.keys(fields),
  adopted: [true, false],
  isPart: [true, false],
  irreversible: [{}, { a: "it cannot be read" }] as Record<string, string>[],
  foundMark: [undefined, "my laptop", theirs],
  usedBy: [undefined, "users have it"],
});

type Case = (typeof everything)[number];

function decideCase(one: Case): Release {
  const { before, live: now } = fields[one.field] ?? { before: {}, live: {} };
  return release({
    ownership: owned({
      id: one.recordedId,
      adopted: one.adopted,
      before: { fields: before, ...(one.foundMark && { mark: one.foundMark }) },
    }),
    server: one.server,
    live:
      one.id === undefined
        ? undefined
        : live({ id: one.id, fields: now, mark: marks[one.mark] ?? { carries: false } }),
    isPart: one.isPart,
    other: one.other,
    irreversible: one.irreversible,
    usedBy: one.usedBy,
  });
}

const isSame = (one: Case) => one.server === server && one.recordedId === "id" && one.id === "id";
/** What was handed over is believed only with the signature of our own key. */
const isProven = (one: Case) => one.mark.startsWith("ours, handed over");
/** A part bears its owner's mark, with whatever was handed over to that. */
const isOurs = (one: Case) =>
  one.mark === "ours" || isProven(one) || (one.isPart && one.mark.startsWith("ours, claimed"));
const isOursOrNone = (one: Case) => one.mark === "cannot carry one" || isOurs(one);
const isCreated = (one: Case) => !one.adopted || (isProven(one) && one.mark.endsWith("(created)"));
const mayTouch = (one: Case) => isSame(one) && one.other === undefined && isOursOrNone(one);

test("removed is an object if and only if all holds: same server and id, no other holder, our mark, made by us, unused", (t) => {
  let removed = 0;
  for (const one of everything) {
    const expected = mayTouch(one) && isCreated(one) && !one.isPart && one.usedBy === undefined;
    if (expected) removed += 1;
    if (decideCase(one).remove !== expected) t.fail(JSON.stringify(one));
  }
  t.true(removed > 0);
});

test("each condition alone forbids removing", (t) => {
  const ownership = owned({ adopted: false });
  t.true(decide({ ownership }).remove);
  const broken: [string, Partial<Facts>][] = [
    ["server", { server: elsewhere }],
    ["id", { live: live({ id: "another" }) }],
    ["id never known", { ownership: owned({ adopted: false, id: idNotKnown }) }],
    ["other holder", { other: holder() }],
    ["mark gone", { live: live({ mark: { carries: true } }) }],
    ["mark another's", { live: live({ mark: { carries: true, text: theirs } }) }],
    ["adopted", { ownership: owned({ adopted: true }) }],
    ["part of another object", { isPart: true }],
    ["in use", { usedBy: "users have it" }],
  ];
  for (const [condition, facts] of broken) t.false(decide({ ownership, ...facts }).remove, condition);
});

test("put back is something only where all conditions hold, and then only a field that still holds what we wrote", (t) => {
  for (const one of everything) {
    const decision = decideCase(one);
    const what = JSON.stringify({ one, decision });
    if (!decision.write || (one.other && isSame(one))) continue;
    if (!mayTouch(one) || (isCreated(one) && !one.isPart)) return t.fail(what);
    const { before, live: now } = fields[one.field] ?? { before: {}, live: {} };
    for (const [name, value] of Object.entries(decision.write.fields)) {
      const { found, written } = before[name] ?? {};
      const isAllowed =
        now[name] === written &&
        value === found &&
        found !== written &&
        (one.irreversible[name] === undefined || found === undefined);
      if (!isAllowed) return t.fail(what);
    }
  }
  t.pass();
});

test("put back is every field that still holds what we wrote, where all conditions hold", (t) => {
  for (const one of everything) {
    const isBack = ["holds what we wrote", "was not there"].includes(one.field);
    if (!mayTouch(one) || (isCreated(one) && !one.isPart) || !isBack) continue;
    const decision = decideCase(one);
    const isKept = one.irreversible.a !== undefined && one.field === "holds what we wrote";
    const expected = isKept ? {} : { a: one.field === "was not there" ? undefined : "x" };
    const written = decision.write?.fields ?? {};
    const what = JSON.stringify({ one, decision });
    if (JSON.stringify(Object.entries(written)) !== JSON.stringify(Object.entries(expected)))
      return t.fail(what);
    if (isKept && !/a was not put back, because it cannot be read\./.test(texts(decision)))
      return t.fail(what);
  }
  t.pass();
});

test("nothing is both removed and written", (t) => {
  t.deepEqual(
    everything.filter((one) => decideCase(one).remove && decideCase(one).write),
    [],
  );
});

test("on another server nothing is touched, and both are named", (t) => {
  const decision = decide({ server: "https://new.example.com" });
  t.like(decision, { write: undefined, remove: false });
  t.is(
    texts(decision),
    `left in place, because it lives on ${server}, and this stack now talks to https://new.example.com.`,
  );
});

test("what is gone already is done, without a word", (t) => {
  t.deepEqual(decide({ ownership: owned({ adopted: false }), live: undefined }), { remove: false, say: [] });
});

test("what somebody made again is left, and said so", (t) => {
  const decision = decide({ ownership: owned({ adopted: false }), live: live({ id: "new" }) });
  t.is(texts(decision), "left in place, because somebody deleted it and made it again since.");
});

test("what a create that broke off may have made is left, and said so", (t) => {
  const decision = decide({ ownership: owned({ adopted: false, id: idNotKnown }) });
  t.regex(texts(decision), /its creation broke off/);
});

test("a mark that is gone and one of another stack are told apart", (t) => {
  const ownership = owned({ adopted: false });
  const withText = (text: string) =>
    texts(decide({ ownership, live: live({ mark: { carries: true, text } }) }));
  t.regex(withText("my laptop"), /our owner mark on it is gone/);
  t.regex(withText(theirs), /another stack has adopted it/);
});

test("what others use is left, and they are named", (t) => {
  const decision = decide({ ownership: owned({ adopted: false }), usedBy: "users have it ('jane')" });
  t.is(texts(decision), "left in place, because users have it ('jane').");
});

test("a field that somebody changed since stays, with the reason; the others go back", (t) => {
  const decision = decide({
    ownership: owned({
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
    live: live({
      fields: { enabled: true, emailVerified: undefined, email: "a@b.invalid", same: "3", back: "1" },
    }),
  });
  t.deepEqual(decision, {
    write: { fields: { enabled: false, email: undefined }, mark: { text: "my laptop" } },
    remove: false,
    say: [
      {
        severity: "warning",
        text: "emailVerified was not put back, because somebody has changed it since.",
      },
    ],
  });
});

test("lists are compared by what they hold", (t) => {
  const before = { fields: { requiredActions: { found: ["VERIFY_EMAIL"], written: [] } } };
  const decision = decide({ ownership: owned({ before }), live: live({ fields: { requiredActions: [] } }) });
  t.deepEqual(decision.write?.fields, { requiredActions: ["VERIFY_EMAIL"] });
});

test("an adopted object that was right is left without a word, whatever its mark", (t) => {
  const ownership = owned({ before: { fields: { enabled: { found: true, written: true } } } });
  for (const text of [undefined, "my laptop", theirs]) {
    const decision = decide({ ownership, live: live({ mark: { carries: true, text } }) });
    t.deepEqual(decision, { remove: false, say: [] });
  }
});

test("what cannot be put back is named with its reason, unless it was not there before", (t) => {
  const irreversible = { password: "a password cannot be read" };
  const part = (found: string | undefined) =>
    decide({
      ownership: owned({ before: { fields: { password: { found, written: "now" } } } }),
      live: live({ fields: { password: "now" } }),
      isPart: true,
      irreversible,
    });
  t.is(part("before").write, undefined);
  t.is(texts(part("before")), "password was not put back, because a password cannot be read.");
  t.deepEqual(part(undefined), {
    write: { fields: { password: undefined }, mark: undefined },
    remove: false,
    say: [],
  });
});

test("with another holder in this run nothing but the mark is written, and only on what carries one", (t) => {
  for (const one of everything) {
    if (!isSame(one) || !one.other) continue;
    const decision = decideCase(one);
    const what = JSON.stringify({ one, decision });
    if (decision.remove) return t.fail(what);
    if (decision.write === undefined) continue;
    const { fields: written, mark } = decision.write;
    const isMarkAlone = Object.keys(written).length === 0 && mark?.text?.startsWith(one.other.ownership.mark);
    if (one.isPart || one.mark === "cannot carry one" || !isMarkAlone) return t.fail(what);
  }
  t.pass();
});

const taken = live({ mark: { carries: true, text: theirs } });

test("handing over what we made tells the new holder, with a proof, that it may be removed", (t) => {
  const other = holder({ before: { fields: {}, mark: ours } });
  const decision = decide({ ownership: owned({ adopted: false }), live: taken, other });
  const text = handOverMark(theirKey, "created");
  t.deepEqual(decision.write, { fields: {}, mark: { text } });
  const next = owned({ key: theirKey, mark: theirs, before: { fields: {}, mark: ours } });
  t.true(decide({ ownership: next, live: live({ mark: { carries: true, text } }) }).remove);
});

test("nobody else can hand over: without the key the word is worth nothing, whatever mark was there before", (t) => {
  const third = handOverMark(thirdKey, "created").replace(markOf(thirdKey), theirs);
  const adopted = handOverMark(theirKey, "adopted").replace("adopted", "created");
  for (const text of [`${theirs} (created)`, `${theirs} (created ${theirs})`, third, adopted]) {
    for (const mark of [undefined, ours, markOf("known to somebody")]) {
      const next = owned({ key: theirKey, mark: theirs, before: { fields: {}, ...(mark && { mark }) } });
      t.false(decide({ ownership: next, live: live({ mark: { carries: true, text } }) }).remove, text);
    }
  }
});

test("handing over what we adopted tells the new holder that our mark is not to be put back", (t) => {
  const decision = decide({ ownership: owned({ adopted: true }), live: taken, other: holder({}, true) });
  t.is(decision.write, undefined, "one that inherited needs no word");
  const other = holder({ before: { fields: {}, mark: ours } });
  const { write } = decide({ ownership: owned({ adopted: true }), live: taken, other });
  const text = handOverMark(theirKey, "adopted");
  t.deepEqual(write, { fields: {}, mark: { text } });
  const next = owned({ key: theirKey, mark: theirs, before: { fields: {}, mark: ours } });
  t.deepEqual(decide({ ownership: next, live: live({ mark: { carries: true, text } }) }), {
    write: { fields: {}, mark: { text: undefined } },
    remove: false,
    say: [],
  });
});

test("handing over what we had changed names what will not be put back", (t) => {
  t.regex(texts(decide({ live: taken, other: holder() })), /destroy will not put back: enabled\./);
  t.is(texts(decide({ live: taken, other: holder({}, true) })), "");
});

test("a third holder's mark is not written over", (t) => {
  const third = live({ mark: { carries: true, text: markOf(thirdKey) } });
  t.is(decide({ ownership: owned({ adopted: false }), live: third, other: holder() }).write, undefined);
});

test("a mark is read as ours only where it is exactly ours", (t) => {
  t.deepEqual(readMark(ours, ourKey), { ours: true });
  for (const how of ["created", "adopted"] as const)
    t.deepEqual(readMark(handOverMark(ourKey, how), ourKey), { ours: true, handedOver: how });
  const longer = `${ours}x`;
  for (const text of [undefined, "", theirs, longer, `${ours} (created)`, ours.slice(0, -1), ` ${ours}`])
    t.deepEqual(readMark(text, ourKey), { ours: false }, String(text));
});

test("an owner mark is told from somebody's own words, and does not give the key away", (t) => {
  t.true(isMark(ours));
  t.true(isMark(handOverMark(theirKey, "created")));
  for (const text of [undefined, "", "keycloak-apisix", "my laptop", "the keycloak-apisix one"]) {
    t.false(isMark(text), String(text));
  }
  const key = newKey();
  t.false(markOf(key).includes(key));
});

test("no two resources get the same key", (t) => {
  t.is(new Set(Array.from({ length: 1000 }, newKey)).size, 1000);
});

test("a run knows who else has held the same object, and only the same", (t) => {
  const holders = new Holders();
  const a = owned({ key: "a", mark: markOf("a") });
  const b = owned({ key: "b", mark: markOf("b") });
  t.is(holders.other("cx", "role", a), undefined);
  holders.add("cx", "role", a);
  t.is(holders.other("cx", "role", a), undefined, "oneself is no other");
  holders.add("cx", "role", b, true);
  t.deepEqual(holders.other("cx", "role", a), { ownership: b, inherited: true });
  t.deepEqual(holders.other("cx", "role", b), { ownership: a, inherited: false });
  t.is(holders.other("other", "role", a), undefined, "another realm");
  t.is(holders.other("cx", "user", a), undefined, "another kind");
  t.is(holders.other("cx", "role", { ...a, id: "another" }), undefined, "another id");
  t.is(holders.other("cx", "role", { ...a, server: elsewhere }), undefined, "another server");
});

test("who has let go holds no more", (t) => {
  const holders = new Holders();
  const a = owned({ key: "a" });
  const b = owned({ key: "b" });
  holders.add("cx", "role", a);
  holders.add("cx", "role", b);
  t.is(holders.last("cx", "role", a)?.ownership, b);
  holders.remove("cx", "role", b);
  t.is(holders.other("cx", "role", a), undefined);
  t.is(holders.last("cx", "role", a)?.ownership, a);
});
