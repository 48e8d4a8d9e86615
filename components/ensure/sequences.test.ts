// Two stacks and a person act on one object, in any order. Nothing is removed or restored against the four
// conditions of ownership, and stacks alone leave the realm as they found it.
import { isDeepStrictEqual } from "node:util";
import test from "ava";
import fc from "fast-check";
import type { Fields } from "./fields.ts";
import { Holders } from "./holders.ts";
import { isMark, markOf } from "./marks.ts";
import { MemoryRealm, Resource, type StoredObject } from "./testing/memory.ts";

/** What each stack wants: they agree on one field and not on the other. */
const wants: readonly Fields[] = [
  { a: "1", b: "first" },
  { a: "1", b: "second" },
];

/** What somebody who can write the mark may put there. */
const forgeries = [
  "none",
  "text",
  "of first",
  "of second",
  "planted",
  "created",
  "created by mark",
  "created by a planted key",
] as const;

type Command =
  | {
      readonly do: "up" | "preview" | "refresh" | "destroy" | "rename" | "rename refreshed";
      readonly stack: 0 | 1;
    }
  | { readonly do: "change"; readonly fields: Fields }
  | { readonly do: "delete" }
  | { readonly do: "make" }
  | { readonly do: "replace by a copy" }
  | { readonly do: "use" }
  | {
      readonly do: "mark";
      readonly how: (typeof forgeries)[number];
    };

/** With an ordinary object's prototype: otherwise it would equal none. */
const plain = { noNullPrototype: true } as const;

const ofStacks: fc.Arbitrary<Command> = fc.record({
  do: fc.constantFrom("up", "up", "preview", "refresh", "destroy", "rename", "rename refreshed"),
  stack: fc.constantFrom(0, 1),
});
const ofPerson: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    do: fc.constant("change" as const),
    fields: fc.record({ a: fc.constantFrom("1", "9"), b: fc.constantFrom("first", "second", "9") }, plain),
  }),
  fc.record({ do: fc.constantFrom("delete", "make", "replace by a copy", "use") }),
  fc.record({
    do: fc.constant("mark" as const),
    how: fc.constantFrom(...forgeries),
  }),
);
const start: fc.Arbitrary<Fields | undefined> = fc.option(
  fc.record({ a: fc.constantFrom("1", "9"), b: fc.constantFrom("first", "9") }, plain),
  { nil: undefined },
);

class World {
  readonly realm = new MemoryRealm();
  readonly stacks: [Resource, Resource];
  readonly trace: string[] = [];
  /** Marks that have been on the object: a person may write any of them again. */
  readonly #marksSeen: string[] = [];

  constructor(found: Fields | undefined) {
    if (found) this.realm.make("x", found, "a person");
    this.stacks = [this.#resource(0), this.#resource(1)];
  }

  get object(): StoredObject | undefined {
    return this.realm.objects.get("x");
  }

  #resource(stack: 0 | 1): Resource {
    return new Resource(() => this.realm, wants[stack] ?? {});
  }

  async run(command: Command): Promise<void> {
    this.trace.push(JSON.stringify(command));
    if (isMark(this.object?.mark)) this.#marksSeen.push(this.object?.mark ?? "");
    if ("stack" in command) await this.#ofStack(command.do, command.stack);
    else this.#ofPerson(command);
  }

  async #ofStack(what: string, stack: 0 | 1): Promise<void> {
    const resource = this.stacks[stack];
    if (what === "up") {
      await resource.up();
      this.#isReady(resource);
    } else if (what === "preview") {
      const before = this.realm.snapshot();
      await resource.preview();
      this.#require(isDeepStrictEqual(this.realm.snapshot(), before), "a preview changes nothing");
    } else if (what === "refresh") await resource.refresh();
    else if (what === "destroy") await this.#letGo(resource, new Holders(), undefined);
    else {
      const run = new Holders();
      if (what === "rename refreshed") await resource.refresh(run);
      const renamed = this.#resource(stack);
      await renamed.up(run);
      this.stacks[stack] = renamed;
      await this.#letGo(resource, run, renamed);
      this.#isReady(renamed);
    }
  }

  #isReady({ inputs }: Resource): void {
    const { fields } = this.object ?? {};
    const isReady = Object.entries(inputs.wants).every(([name, value]) => fields?.[name] === value);
    this.#require(isReady, "after an up the object is as wanted");
  }

  /** Destroys one resource, and checks what happens against the four conditions. */
  async #letGo(resource: Resource, run: Holders, other: Resource | undefined): Promise<void> {
    const { recorded } = resource;
    const before = this.object && structuredClone(this.object);
    await resource.destroy(run);
    const now = this.object;
    if (!before) return this.#require(!now, "destroy creates nothing");
    if (isDeepStrictEqual(now, before)) return;
    this.#require(recorded !== undefined, "without a record nothing is touched");
    if (!recorded) return;
    this.#require(recorded.id === before.id, "(a) the id is the recorded one");
    if (!now) {
      this.#require(!other, "(b) no other resource holds it");
      this.#require(before.madeBy === "a stack", "what a person created is never removed");
      this.#require(before.usedBy === undefined, "what others use is never removed");
    }
    const isOurs = before.mark === recorded.mark || before.mark?.startsWith(`${recorded.mark} (`);
    const isHandedOver = other !== undefined && now?.mark?.startsWith(other.recorded?.mark ?? "?");
    this.#require(isOurs || isHandedOver, "(c) the mark is ours");
    for (const [name, value] of Object.entries(now?.fields ?? {})) {
      if (value === before.fields[name]) continue;
      const { found, written } = recorded.before.fields[name] ?? {};
      this.#require(!other, "(b) no other resource holds it");
      this.#require(before.fields[name] === written, `(d) ${name} still holds what we wrote`);
      this.#require(value === found, `${name} is restored to what was found`);
    }
  }

  #ofPerson(command: Exclude<Command, { stack: 0 | 1 }>): void {
    const { object } = this;
    if (command.do === "make") {
      if (!object) this.realm.make("x", { a: "9", b: "9" }, "a person");
    } else if (!object) return;
    else if (command.do === "delete") this.realm.objects.delete("x");
    else if (command.do === "replace by a copy") {
      this.realm.objects.delete("x");
      this.realm.make("x", object.fields, "a person", object.mark);
    } else if (command.do === "use") object.usedBy = object.usedBy ? undefined : "users have it";
    else if (command.do === "change") object.fields = { ...object.fields, ...command.fields };
    else object.mark = this.#forged(command.how, object.mark);
  }

  /** What somebody who can read and write the mark may put there; nobody but a stack knows a key. */
  #forged(how: string, mark: string | undefined): string | undefined {
    if (how === "none") return undefined;
    if (how === "text") return "my laptop";
    if (how === "created") return `${mark} (created)`;
    if (how === "planted") return markOf("known to somebody");
    if (how === "created by a planted key") return `${mark} (created known to somebody)`;
    if (how === "created by mark") return `${mark} (created ${this.#marksSeen[0]})`;
    return this.#marksSeen.at(how === "of first" ? 0 : -1);
  }

  #require(holds: boolean | undefined, what: string): void {
    if (!holds) throw new Error(`${what}; after:\n${this.trace.join("\n")}`);
  }
}

test("two stacks and a person, in any order: the four conditions of ownership hold", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      start,
      fc.array(fc.oneof(ofStacks, ofPerson), { maxLength: 12 }),
      async (found, commands) => {
        const world = new World(found);
        for (const command of commands) await world.run(command);
      },
    ),
    { numRuns: 1500, includeErrorInReport: true },
  );
  t.pass();
});

test("one stack alone, in any order: an up leaves nothing to do, and destroy leaves the realm as it was", async (t) => {
  const alone = fc.record({
    do: fc.constantFrom("up", "preview", "refresh", "rename refreshed"),
    stack: fc.constant(0),
  }) as fc.Arbitrary<Command>;
  await fc.assert(
    fc.asyncProperty(start, fc.array(alone, { maxLength: 12 }), async (found, commands) => {
      const world = new World(found);
      const before = world.realm.snapshot();
      for (const command of commands) await world.run(command);
      await world.run({ do: "up", stack: 0 });
      if ((await world.stacks[0].preview()).changes) throw new Error("an up leaves something to do");
      await world.run({ do: "destroy", stack: 0 });
      if (!isDeepStrictEqual(world.realm.snapshot(), before)) throw new Error(world.trace.join("\n"));
    }),
    { numRuns: 500, includeErrorInReport: true },
  );
  t.pass();
});

test("two stacks, the later one destroyed first: the realm is as it was", async (t) => {
  const each = (stack: 0 | 1) =>
    fc.array(
      fc.record({
        do: fc.constantFrom("preview", "refresh"),
        stack: fc.constant(stack),
      }) as fc.Arbitrary<Command>,
      { maxLength: 4 },
    );
  await fc.assert(
    fc.asyncProperty(start, each(0), each(1), async (found, ofFirst, ofSecond) => {
      const world = new World(found);
      const before = world.realm.snapshot();
      const commands: Command[] = [
        { do: "up", stack: 0 },
        ...ofFirst,
        { do: "up", stack: 1 },
        ...ofSecond,
        { do: "destroy", stack: 1 },
        { do: "destroy", stack: 0 },
      ];
      for (const command of commands) await world.run(command);
      if (!isDeepStrictEqual(world.realm.snapshot(), before)) throw new Error(world.trace.join("\n"));
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
  t.pass();
});
