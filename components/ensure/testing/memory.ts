// A realm in memory, with one kind of object and one kind of part, for tests of the lifecycle: no Keycloak, no
// Pulumi, no waiting.
import { Failure } from "../../failure.ts";
import { differing, type Fields } from "../fields.ts";
import { Holders } from "../holders.ts";
import type { Change, KindInputs, LiveObject, ObjectKind, PartKind, Place } from "../kind.ts";
import { BrokenOff, type Forecast, Lifecycle, type Recorded } from "../lifecycle.ts";

export interface StoredObject {
  readonly id: string;
  fields: Fields;
  mark?: string;
  /** Who made it. */
  readonly madeBy: "a stack" | "a person";
  usedBy?: string;
  /** Its part, like a user's password. */
  part?: { value: string; since: number };
}

/** A realm's objects by name, and what was done to them. */
export class MemoryRealm implements Place {
  readonly server: string;
  readonly name = "cx";
  readonly objects = new Map<string, StoredObject>();
  readonly writes: string[] = [];
  /** Called once, in place of the next write. */
  instead: ((go: () => void) => void) | undefined;
  #ids = 0;

  constructor(server = "https://keycloak.example.com") {
    this.server = server;
  }

  forget(): void {}
  forgetOld(): void {}

  make(name: string, fields: Fields, madeBy: StoredObject["madeBy"], mark?: string): StoredObject {
    if (this.objects.has(name)) throw new Failure(`'${name}' is there already.`, { meaning: "conflict" });
    this.#ids += 1;
    const object: StoredObject = { id: `id-${this.#ids}`, fields, mark, madeBy };
    this.objects.set(name, object);
    return object;
  }

  write(what: string, go: () => void): void {
    this.writes.push(what);
    const { instead } = this;
    this.instead = undefined;
    if (instead) instead(go);
    else go();
  }

  rename(from: string, to: string): void {
    const object = this.objects.get(from);
    if (!object) return;
    this.objects.delete(from);
    this.objects.set(to, object);
  }

  /** All that a person could see, to compare before and after. */
  snapshot(): unknown {
    return structuredClone([...this.objects].toSorted(([one], [other]) => one.localeCompare(other)));
  }
}

export interface ThingInputs extends KindInputs {
  readonly thing: string;
  readonly wants: Fields;
}
interface LiveThing extends LiveObject {
  readonly stored: StoredObject;
}

function liveOf(stored: StoredObject): LiveThing {
  return { id: stored.id, fields: stored.fields, mark: { carries: true, text: stored.mark }, stored };
}

function entryOf(realm: MemoryRealm, id: string): [string, StoredObject] | undefined {
  return [...realm.objects].find(([, stored]) => stored.id === id);
}

function livePart(stored: StoredObject): LiveThing {
  const since = stored.part && `${stored.part.since}`;
  return {
    ...liveOf(stored),
    fields: { part: since },
    mark: { carries: stored.part !== undefined, text: stored.mark },
    present: stored.part !== undefined,
    trace: since === undefined ? undefined : { value: since, replaced: `reset at ${since}` },
  };
}

function apply(stored: StoredObject, { fields, mark }: Change): void {
  const whole = Object.entries({ ...stored.fields, ...fields }).filter(([, value]) => value !== undefined);
  stored.fields = Object.fromEntries(whole);
  if (mark) stored.mark = mark.text;
}

export const thing: ObjectKind<ThingInputs, LiveThing, MemoryRealm> = {
  noun: "thing",
  identity: ["realm", "thing"],
  describe: (inputs) => `thing '${inputs.thing}'`,
  async validate(realm) {
    if (realm.objects.has("no realm")) throw new Failure("no realm", { meaning: "nothing there" });
  },
  async find(realm, inputs) {
    if (realm.objects.has("no realm")) throw new Failure("no realm", { meaning: "nothing there" });
    const stored = realm.objects.get(inputs.thing);
    return stored && liveOf(stored);
  },
  async findById(realm, _inputs, id) {
    const [name, stored] = entryOf(realm, id) ?? [];
    return stored && { live: liveOf(stored), name: `thing '${name}'` };
  },
  wanted: async (_realm, { wants }) => wants,
  async create(realm, inputs, fields, mark) {
    realm.write(`create ${inputs.thing}`, () => realm.make(inputs.thing, fields, "a stack", mark));
  },
  async write(realm, { stored }, change, inputs) {
    realm.write(`write ${inputs.thing}`, () => apply(stored, change));
  },
  async remove(realm, { stored }) {
    realm.write("remove", () => {
      for (const [name, { id }] of realm.objects) if (id === stored.id) realm.objects.delete(name);
    });
  },
  usedBy: async (_realm, { stored }) => stored.usedBy,
};

/** Part of a thing, like a user's password: it is replaced, and cannot be restored. */
export const part: PartKind<ThingInputs, LiveThing, MemoryRealm> = {
  noun: "part",
  partOf: "thing",
  identity: ["realm", "thing"],
  describe: (inputs) => `part of thing '${inputs.thing}'`,
  async find(realm, inputs) {
    const stored = realm.objects.get(inputs.thing);
    return stored && livePart(stored);
  },
  async findById(realm, _inputs, id) {
    const [name, stored] = entryOf(realm, id) ?? [];
    return stored && { live: livePart(stored), name: `part of thing '${name}'` };
  },
  async wanted(_realm, { wants }, { live, written, writing }) {
    if (!live?.present) return { part: "to be set" };
    const isRight = writing ? live.stored.part?.value === wants.value : true;
    const isRecorded = written?.part === live.fields.part;
    if (isRecorded || !writing) return written && !isRecorded ? { part: "to be set" } : {};
    return { part: isRight ? live.fields.part : "to be set" };
  },
  async write(realm, { stored }, { fields, mark }, { wants }) {
    realm.write("write part", () => {
      if (fields.part === "to be set") {
        stored.part = { value: String(wants.value), since: (stored.part?.since ?? 0) + 1 };
        stored.mark = undefined;
      } else if ("part" in fields && fields.part === undefined) {
        stored.part = undefined;
        stored.mark = undefined;
      }
      if (mark) stored.mark = mark.text;
    });
  },
  irreversible: { part: "it cannot be read" },
};

/** One resource of a stack, with its state; every command has holders of its own, like a provider process. */
export class Resource {
  inputs: ThingInputs;
  recorded: Recorded<ThingInputs> | undefined;
  trace: string | undefined;
  readonly said: string[] = [];
  readonly #realm: () => MemoryRealm;
  readonly #isPart: boolean;

  constructor(realm: () => MemoryRealm, wants: Fields, name = "x", isPart = false) {
    this.#realm = realm;
    this.inputs = { realm: "cx", thing: name, wants };
    this.#isPart = isPart;
  }

  lifecycle(holders: Holders): Lifecycle<ThingInputs, LiveThing, MemoryRealm> {
    const surroundings = {
      realmOf: this.#realm,
      holders,
      say: async (_severity: string, text: string) => {
        this.said.push(text);
      },
    };
    return new Lifecycle(this.#isPart ? part : thing, surroundings);
  }

  /** What a preview shows: the forecast, and whether anything would be done. */
  async preview(holders = new Holders()): Promise<Forecast & { changes: boolean }> {
    const own = this.lifecycle(holders);
    const { recorded, trace, inputs } = this;
    if (!recorded) return { ...(await own.check(inputs)), changes: true };
    const forecast = await own.check(inputs, { inputs: recorded.inputs, trace });
    return { ...forecast, changes: await own.diff(recorded, inputs, forecast.trace ?? trace) };
  }

  /** What an `up` does: check, diff, then create or update if something changes. */
  async up(holders = new Holders()): Promise<void> {
    const forecast = await this.preview(holders);
    if (!forecast.changes) return;
    this.trace = forecast.trace ?? this.trace;
    try {
      this.recorded = await this.lifecycle(holders).ensure(this.inputs, this.recorded, this.trace);
    } catch (error) {
      // The engine records what the error of a failed create carries.
      if (error instanceof BrokenOff) this.recorded = error.recorded;
      throw error;
    }
  }

  async refresh(holders = new Holders()): Promise<void> {
    if (!this.recorded) return;
    const now = await this.lifecycle(holders).read(this.recorded, this.trace);
    this.recorded = now?.recorded;
    if (!now) this.trace = undefined;
  }

  async destroy(holders = new Holders()): Promise<void> {
    if (!this.recorded) return;
    await this.lifecycle(holders).delete(this.recorded);
    this.recorded = undefined;
    this.trace = undefined;
  }
}

/** Does the object have all that is wanted? */
export function isReady(object: StoredObject | undefined, wants: Fields): boolean {
  return object !== undefined && Object.keys(differing(object.fields, wants)).length === 0;
}
