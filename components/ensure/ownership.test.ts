// May an object be removed or restored? Every combination of facts is checked against the four conditions of
// docs/design.md ("Ownership"), which are written here a second time, independently of the code.
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
  renamedTo: [undefined, "user 'kunde'"],
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
    renamedTo: one.renamedTo,
  });
}

const isSame = (one: Case) => one.server === server && one.recordedId === "id" && one.id === "id";
/** What was handed over is believed only with the signature of our own key. */
const isProven = (one: Case) => one.mark.startsWith("ours, handed over");
/** A part carries its owner's mark, including what was handed over to the owner. */
const isOurs = (one: Case) =>
  one.mark === "ours" || isProven(one) || (one.isPart && one.mark.startsWith("ours, claimed"));
const isOursOrNone = (one: Case) => one.mark === "cannot carry one" || isOurs(one);
const isCreated = (one: Case) => !one.adopted || (isProven(one) && one.mark.endsWith("(created)"));
const mayTouch = (one: Case) =>
  isSame(one) && one.other === undefined && isOursOrNone(one) && one.renamedTo === undefined;

test("an object is removed if and only if server and id match, nobody else holds it, its mark is ours, we created it, and it is unused", (t) => {
  let removed = 0;
  for (const one of everything) {
    const expected = mayTouch(one) && isCreated(one) && !one.isPart && one.usedBy === undefined;
    if (expected) removed += 1;
    if (decideCase(one).remove !== expected) t.fail(JSON.stringify(one));
  }
  t.true(removed > 0);
});

test("each condition alone prevents removal", (t) => {
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

test("a field is restored only if all conditions hold and it still holds what we wrote", (t) => {
  for (const one of everything) {
    const decision = decideCase(one);
    const what = JSON.stringify({ one, decision });
    if (!decision.write || (one.other && isSame(one))) continue;
    if (mayTouch(one) && one.usedBy && isCreated(one) && !one.isPart) {
      // Others use it: only our mark goes.
      if (JSON.stringify(decision.write) !== '{"fields":{},"mark":{}}') return t.fail(what);
      continue;
    }
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

test("if all conditions hold, every field that still holds what we wrote is restored", (t) => {
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

test("on another server nothing is touched, and both servers are named", (t) => {
  const decision = decide({ server: "https://new.example.com" });
  t.like(decision, { write: undefined, remove: false });
  t.is(
    texts(decision),
    `left in place, because it lives on ${server}, and this stack now talks to https://new.example.com.`,
  );
});

test("an object that is already gone needs nothing, and no warning", (t) => {
  t.deepEqual(decide({ ownership: owned({ adopted: false }), live: undefined }), { remove: false, say: [] });
});

test("an object that somebody recreated is left alone, with a warning", (t) => {
  const decision = decide({ ownership: owned({ adopted: false }), live: live({ id: "new" }) });
  t.is(texts(decision), "left in place, because somebody deleted it and made it again since.");
});

test("what a failed create may have created is left alone, with a warning", (t) => {
  const decision = decide({ ownership: owned({ adopted: false, id: idNotKnown }) });
  t.regex(texts(decision), /creating it failed halfway/);
});

test("the warning distinguishes a mark that is gone from another stack's", (t) => {
  const ownership = owned({ adopted: false });
  const withText = (text: string) =>
    texts(decide({ ownership, live: live({ mark: { carries: true, text } }) }));
  t.regex(withText("my laptop"), /our owner mark on it is gone/);
  t.regex(withText(theirs), /another stack has adopted it/);
});

test("an object that others use is left alone, and they are named", (t) => {
  const decision = decide({ ownership: owned({ adopted: false }), usedBy: "users have it ('jane')" });
  t.is(texts(decision), "left in place, because users have it ('jane').");
});

test("a field that somebody has changed stays, with the reason; the others are restored", (t) => {
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

test("lists are compared by their contents", (t) => {
  const before = { fields: { requiredActions: { found: ["VERIFY_EMAIL"], written: [] } } };
  const decision = decide({ ownership: owned({ before }), live: live({ fields: { requiredActions: [] } }) });
  t.deepEqual(decision.write?.fields, { requiredActions: ["VERIFY_EMAIL"] });
});

test("an adopted object that was correct is left without a warning, whatever its mark", (t) => {
  const ownership = owned({ before: { fields: { enabled: { found: true, written: true } } } });
  for (const text of [undefined, "my laptop", theirs]) {
    const decision = decide({ ownership, live: live({ mark: { carries: true, text } }) });
    t.deepEqual(decision, { remove: false, say: [] });
  }
});

test("a field that cannot be restored is named with the reason, unless it was not set before", (t) => {
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

test("with another holder in this run only the mark is written, and only if the object carries one", (t) => {
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

test("handing over what we created proves to the new holder that it may be removed", (t) => {
  const other = holder({ before: { fields: {}, mark: ours } });
  const decision = decide({ ownership: owned({ adopted: false }), live: taken, other });
  const text = handOverMark(theirKey, "created");
  t.deepEqual(decision.write, { fields: {}, mark: { text } });
  const next = owned({ key: theirKey, mark: theirs, before: { fields: {}, mark: ours } });
  t.true(decide({ ownership: next, live: live({ mark: { carries: true, text } }) }).remove);
});

test("nobody else can hand over: without the key a claim is worth nothing, whatever mark was there before", (t) => {
  const third = handOverMark(thirdKey, "created").replace(markOf(thirdKey), theirs);
  const adopted = handOverMark(theirKey, "adopted").replace("adopted", "created");
  for (const text of [`${theirs} (created)`, `${theirs} (created ${theirs})`, third, adopted]) {
    for (const mark of [undefined, ours, markOf("known to somebody")]) {
      const next = owned({ key: theirKey, mark: theirs, before: { fields: {}, ...(mark && { mark }) } });
      t.false(decide({ ownership: next, live: live({ mark: { carries: true, text } }) }).remove, text);
    }
  }
});

test("handing over what we adopted tells the new holder not to restore our mark", (t) => {
  const decision = decide({ ownership: owned({ adopted: true }), live: taken, other: holder({}, true) });
  t.is(decision.write, undefined, "a holder that inherited need not be told");
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

test("handing over what we had changed names what will not be restored", (t) => {
  t.regex(texts(decide({ live: taken, other: holder() })), /destroy will not put back: enabled\./);
  t.is(texts(decide({ live: taken, other: holder({}, true) })), "");
});

test("a third holder's mark is not overwritten", (t) => {
  const third = live({ mark: { carries: true, text: markOf(thirdKey) } });
  t.is(decide({ ownership: owned({ adopted: false }), live: third, other: holder() }).write, undefined);
});

test("a mark is read as ours only if it is exactly ours", (t) => {
  t.deepEqual(readMark(ours, ourKey), { ours: true });
  for (const how of ["created", "adopted"] as const)
    t.deepEqual(readMark(handOverMark(ourKey, how), ourKey), { ours: true, handedOver: how });
  const longer = `${ours}x`;
  for (const text of [undefined, "", theirs, longer, `${ours} (created)`, ours.slice(0, -1), ` ${ours}`])
    t.deepEqual(readMark(text, ourKey), { ours: false }, String(text));
});

test("an owner mark differs from somebody's own text, and does not reveal the key", (t) => {
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

test("a run knows who else has held exactly the same object", (t) => {
  const holders = new Holders();
  const a = owned({ key: "a", mark: markOf("a") });
  const b = owned({ key: "b", mark: markOf("b") });
  t.is(holders.other("cx", "role", a), undefined);
  holders.add("cx", "role", a);
  t.is(holders.other("cx", "role", a), undefined, "a holder is not its own other");
  holders.add("cx", "role", b, true);
  t.deepEqual(holders.other("cx", "role", a), { ownership: b, inherited: true });
  t.deepEqual(holders.other("cx", "role", b), { ownership: a, inherited: false });
  t.is(holders.other("other", "role", a), undefined, "another realm");
  t.is(holders.other("cx", "user", a), undefined, "another kind");
  t.is(holders.other("cx", "role", { ...a, id: "another" }), undefined, "another id");
  t.is(holders.other("cx", "role", { ...a, server: elsewhere }), undefined, "another server");
});

test("a holder that has let go no longer counts", (t) => {
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
