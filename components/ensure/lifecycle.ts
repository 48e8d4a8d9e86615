// The heart: check, diff, create, adopt, update, read and delete, once for all kinds. It knows neither Pulumi nor
// Keycloak. kind.ts has what differs between kinds; ownership.ts decides what may be undone.
import { isDeepStrictEqual } from "node:util";
import { asFailure, Failure, hasMeaning } from "../failure.ts";
import { type Drift, differing, type Fields, inWords } from "./fields.ts";
import type { Holders } from "./holders.ts";
import type { Kind, KindInputs, LiveObject, Named, Place } from "./kind.ts";
import { isMark, markOf, newKey } from "./marks.ts";
import {
  foundAndWritten,
  idNotKnown,
  merged,
  nothingBefore,
  type Ownership,
  type Remark,
  readOwnMark,
  release,
} from "./ownership.ts";

/** What the state keeps of an ensured object. */
export interface Recorded<Inputs> extends Ownership {
  readonly inputs: Inputs;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** What an `up` would do, for people to read in a preview. No decision depends on it, except on `trace`. */
export interface Forecast {
  readonly plan?: "adopt" | "create";
  /** What adopting will correct. */
  readonly corrects?: Drift;
  /** How the live object of an existing resource differs from what it should be. */
  readonly drift?: Drift;
  /** Of an adopted object: its {@link LiveObject.trace}, by which it is recognised later. */
  readonly trace?: string;
}

/** What `check` knows of an existing resource; it does not get the state's record. */
export interface Earlier<Inputs> {
  readonly inputs: Inputs;
  readonly trace?: string;
}

/** What a lifecycle is given from outside. */
export interface Surroundings<Realm extends Place> {
  /** @throws Failure if the connection is misconfigured. */
  realmOf(inputs: KindInputs): Realm;
  readonly holders: Holders;
  say(severity: Remark["severity"], text: string): Promise<void>;
}

/** Creating or adopting failed halfway. The state must keep what is known so far. */
export class BrokenOff<Inputs> extends Failure {
  readonly recorded: Recorded<Inputs>;

  constructor(failure: Failure, recorded: Recorded<Inputs>) {
    super(failure.message, failure);
    this.recorded = recorded;
  }
}

/** The life of an ensured object, the same for every kind. */
export class Lifecycle<Inputs extends KindInputs, Live extends LiveObject, Realm extends Place> {
  readonly #kind: Kind<Inputs, Live, Realm>;
  readonly #surroundings: Surroundings<Realm>;

  constructor(kind: Kind<Inputs, Live, Realm>, surroundings: Surroundings<Realm>) {
    this.#kind = kind;
    this.#surroundings = surroundings;
  }

  /** Looks at the live object of a new resource, or of the one that `earlier` describes. */
  async check(inputs: Inputs, earlier?: Earlier<Inputs>): Promise<Forecast> {
    const realm = this.#surroundings.realmOf(inputs);
    await this.#kind.validate?.(realm, inputs, earlier === undefined);
    const { live, drift } = await this.#assess(realm, inputs, { previous: earlier?.inputs });
    if (earlier) {
      const replaced = live ? this.#replaced(live, earlier.trace) : {};
      // An object is adopted again; a part gets a new mark, which says the same.
      const isAdoptedAnew = live && earlier.trace !== undefined && this.#kind.partOf === undefined;
      return { drift: { ...drift, ...replaced }, ...(isAdoptedAnew && { trace: live.id }) };
    }
    // If it cannot be created, better say so now than halfway through.
    if (!live) await this.#kind.wanted(realm, inputs, {});
    if (!live || live.present === false) return { plan: "create" };
    return { plan: "adopt", corrects: drift, trace: this.#traceOf(live)?.value };
  }

  /** Does the live object differ from what the inputs ask for, or from what was recorded? */
  async diff(recorded: Recorded<Inputs>, inputs: Inputs, trace?: string): Promise<boolean> {
    const realm = this.#surroundings.realmOf(inputs);
    if (realm.server !== recorded.server) return true;
    const known = { written: writtenFields(recorded), previous: recorded.inputs };
    const { live, drift } = await this.#assess(realm, inputs, known);
    if (live?.id !== recorded.id) await this.#tellRenamed(realm, recorded, live);
    if (!live) return true;
    this.#hold(recognised(recorded, live));
    const changedOutputs = await this.#tellOutputs(realm, recorded, live);
    return (
      changedOutputs ||
      live.id !== recorded.id ||
      Object.keys({ ...drift, ...this.#replaced(live, trace) }).length > 0
    );
  }

  /**
   * Creates, adopts or corrects the object, as its live state requires.
   * @throws BrokenOff if something was written that the state must know of.
   */
  async ensure(inputs: Inputs, recorded?: Recorded<Inputs>, trace?: string): Promise<Recorded<Inputs>> {
    const kind = this.#kind;
    const realm = this.#surroundings.realmOf(inputs);
    // What `check` has just seen is enough to create an object: Keycloak refuses if somebody was faster.
    if (recorded) realm.forget();
    else realm.forgetOld();
    await kind.validate?.(realm, inputs, recorded === undefined);
    let live = await kind.find(realm, inputs);
    if (live && !recorded && live.present !== false) {
      // A correction sends the whole object back, so it must not start from an outdated one.
      realm.forget();
      live = await kind.find(realm, inputs);
    }
    if (!live) {
      if (recorded) await this.#refuseRenamed(realm, inputs, recorded);
      return this.#create(realm, inputs);
    }
    const known = recorded?.server === realm.server ? recognised(recorded, live) : undefined;
    return this.#correct(realm, inputs, live, known?.id === live.id ? known : undefined, trace);
  }

  /** The object as it is now, and its drift; undefined if it is gone. */
  async read(
    recorded: Recorded<Inputs>,
    trace?: string,
  ): Promise<{ readonly recorded: Recorded<Inputs>; readonly drift: Drift } | undefined> {
    const { inputs } = recorded;
    const realm = this.#surroundings.realmOf(inputs);
    // The stack talks to another server now: the state stays as it is until an `up` moves the resource.
    if (realm.server !== recorded.server) return { recorded, drift: {} };
    const known = { written: writtenFields(recorded), previous: inputs };
    const assessed = await unlessNothingThere(this.#assess(realm, inputs, known));
    if (!assessed?.live) {
      const renamed = await this.#elsewhere(realm, recorded);
      return renamed && { recorded, drift: { [this.#kind.noun]: `renamed, now ${renamed.name}` } };
    }
    const { live, drift } = assessed;
    return {
      recorded: this.#hold(recognised(recorded, live)),
      drift: { ...drift, ...this.#replaced(live, trace) },
    };
  }

  /** Leaves the object as it was found, as far as ownership is certain. */
  async delete(recorded: Recorded<Inputs>): Promise<void> {
    const kind = this.#kind;
    const { holders } = this.#surroundings;
    const { inputs } = recorded;
    const realm = this.#surroundings.realmOf(inputs);
    realm.forget();
    const isHere = realm.server === recorded.server;
    const found = isHere ? await unlessNothingThere(kind.find(realm, inputs)) : undefined;
    const renamed = found?.id === recorded.id ? undefined : await this.#elsewhere(realm, recorded);
    const live = renamed?.live ?? found;
    const ownership = recognised(recorded, live);
    const facts = {
      ownership,
      server: realm.server,
      live,
      renamedTo: renamed?.name,
      isPart: kind.partOf !== undefined,
      other: holders.other(inputs.realm, kind.noun, ownership),
      irreversible: kind.partOf === undefined ? undefined : kind.irreversible,
    };
    let decision = release(facts);
    // Finding out who uses it takes a request, which is made only if it would be removed.
    if (decision.remove && live && kind.partOf === undefined) {
      const usedBy = await kind.usedBy?.(realm, live);
      if (usedBy === undefined) await kind.remove(realm, live, inputs);
      else decision = release({ ...facts, usedBy });
    }
    holders.remove(inputs.realm, kind.noun, ownership);
    if (decision.write && live) await kind.write(realm, live, decision.write, inputs);
    for (const { severity, text } of decision.say) await this.#say(severity, realm, inputs, text);
  }

  /** How the live object differs from what the inputs ask for. */
  async #assess(
    realm: Realm,
    inputs: Inputs,
    known: { written?: Fields; previous?: Inputs },
  ): Promise<{ readonly live: Live | undefined; readonly drift: Drift }> {
    const kind = this.#kind;
    const live = await kind.find(realm, inputs);
    if (!live) return { live, drift: { [kind.noun]: "missing" } };
    const wanted = await kind.wanted(realm, inputs, { live, ...known });
    const drift = Object.entries(differing(live.fields, wanted)).map(([field, value]) => {
      const is = live.fields[field];
      return [field, kind.explain?.(field, is, value, inputs) ?? inWords(is, value)];
    });
    return { live, drift: Object.fromEntries(drift) };
  }

  /** Has somebody recreated it? Then the owner mark is gone or, if there never was one, the trace has changed. */
  #replaced(live: Live, trace: string | undefined): Drift {
    const now = this.#traceOf(live);
    const { carries, text, fragile } = live.mark;
    if (!now || isMark(text)) return {};
    const isAnother = trace === undefined ? carries && !fragile : trace !== now.value;
    return isAnother ? { [this.#kind.noun]: now.replaced } : {};
  }

  #traceOf(live: Live): LiveObject["trace"] {
    if (this.#kind.partOf !== undefined) return live.trace;
    return { value: live.id, replaced: "made anew outside this stack" };
  }

  /** The recorded object, if it is still there and no longer under its name. */
  async #elsewhere(realm: Realm, { server, id, inputs }: Recorded<Inputs>): Promise<Named<Live> | undefined> {
    if (realm.server !== server || id === idNotKnown) return undefined;
    return unlessNothingThere(this.#kind.findById(realm, inputs, id));
  }

  /** Parts say nothing: their owner does. */
  async #tellRenamed(realm: Realm, recorded: Recorded<Inputs>, live: Live | undefined): Promise<void> {
    if (this.#kind.partOf !== undefined) return;
    const renamed = await this.#elsewhere(realm, recorded);
    if (!renamed) return;
    const follows = live
      ? "it is left as it is, and this stack adopts the one that has the name now"
      : howToFollow(renamed);
    await this.#say(
      "warning",
      realm,
      recorded.inputs,
      `it was renamed, and is now ${renamed.name}: ${follows}.`,
    );
  }

  /** @throws Failure if the object has another name now: a second one is not made. */
  async #refuseRenamed(realm: Realm, inputs: Inputs, recorded: Recorded<Inputs>): Promise<void> {
    const renamed = await this.#elsewhere(realm, recorded);
    if (!renamed) return;
    throw new Failure(
      `Ensuring ${this.#describe(realm, inputs)} failed: it was renamed, and is now ${renamed.name}, so no second one is made; ${howToFollow(renamed)}.`,
    );
  }

  async #tellOutputs(realm: Realm, recorded: Recorded<Inputs>, live: Live): Promise<boolean> {
    const { outputs = {} } = this.#kind;
    const changed = Object.entries(outputs).filter(
      ([name]) => !isDeepStrictEqual(live.outputs?.[name], recorded.outputs[name]),
    );
    for (const [, words] of changed) await this.#say("warning", realm, recorded.inputs, words);
    return changed.length > 0;
  }

  async #create(realm: Realm, inputs: Inputs): Promise<Recorded<Inputs>> {
    const kind = this.#kind;
    if (kind.partOf !== undefined)
      throw new Failure(
        `Ensuring ${this.#describe(realm, inputs)} failed: the ${kind.partOf} is not there; create it first or, if it was deleted while this ran, run the command again.`,
      );
    const key = newKey();
    const mark = markOf(key);
    const fields = await kind.wanted(realm, inputs, { writing: true });
    // Destroy removes what was created, and so puts none of its fields back.
    const record = (live?: Live) =>
      recordOf(realm, inputs, live, { adopted: false, key, mark, before: nothingBefore });
    let isMade = false;
    try {
      await kind.create(realm, inputs, fields, mark);
      isMade = true;
      const live = await kind.find(realm, inputs);
      if (live) return this.#hold(record(live));
      throw new Failure(
        `${capital(this.#describe(realm, inputs))} was created, and was gone when it was read back: see who deletes it, then run the command again.`,
      );
    } catch (error) {
      const failure = asFailure(error);
      if (!isMade && failure.meaning === "conflict") {
        // Somebody was faster: adopt what is there now.
        realm.forget();
        const live = await kind.find(realm, inputs);
        if (live) return this.#correct(realm, inputs, live);
      }
      // Next time, the mark shows whether the object is ours.
      const isPerhapsMade =
        isMade || failure.meaning === "unclear" || (await this.#isMarked(realm, inputs, mark));
      throw isPerhapsMade ? new BrokenOff(failure, record()) : failure;
    }
  }

  /** Creating may take several requests, and fail after the first. */
  async #isMarked(realm: Realm, inputs: Inputs, mark: string): Promise<boolean> {
    realm.forget();
    const live = await this.#kind.find(realm, inputs).catch(() => undefined);
    return live?.mark.text === mark;
  }

  /**
   * Adopts the live object, or corrects it if it is the recorded one. If adopting fails halfway, the error carries
   * what is known so far. Without it, half-written fields would count as found.
   */
  async #correct(
    realm: Realm,
    inputs: Inputs,
    live: Live,
    recorded?: Recorded<Inputs>,
    trace?: string,
  ): Promise<Recorded<Inputs>> {
    const inherited = recorded ? undefined : this.#inheritable(realm, live);
    const earlier = recorded ?? inherited;
    const key = recorded?.key ?? newKey();
    const mark = this.#markFor(realm, live, key, recorded);
    const wanted = await this.#kind.wanted(realm, inputs, {
      live,
      written: recorded && writtenFields(recorded),
      previous: recorded?.inputs,
      writing: true,
    });
    const record = (now: Live, written: Fields) => {
      const { text } = live.mark;
      const before = {
        fields: foundAndWritten(live.fields, written, Object.keys(wanted)),
        ...(text !== undefined && text !== mark && { mark: text }),
      };
      return recordOf(realm, inputs, now, {
        adopted: earlier?.adopted ?? live.present ?? true,
        key,
        mark,
        before: earlier ? merged(earlier.before, before) : before,
      });
    };
    try {
      const now = await this.#put(realm, inputs, live, {
        fields: differing(live.fields, wanted),
        // Another stack's mark stays: that stack took the object over, and will give it back.
        mark: recorded && isMark(live.mark.text) ? live.mark.text : mark,
        isReplaced: Object.keys(this.#replaced(live, trace)).length > 0,
      });
      return this.#hold(record(now, now.fields), inherited !== undefined);
    } catch (error) {
      const failure = asFailure(error);
      throw recorded ? failure : new BrokenOff(failure, record(live, wanted));
    }
  }

  /** Writes what differs, and the mark with every change. A correct object without an owner stays untouched. */
  async #put(
    realm: Realm,
    inputs: Inputs,
    live: Live,
    { fields, mark, isReplaced }: { fields: Fields; mark: string | undefined; isReplaced: boolean },
  ): Promise<Live> {
    const takesOver = isMark(live.mark.text) && live.mark.text !== mark;
    if (Object.keys(fields).length === 0 && !takesOver && !isReplaced) return live;
    await this.#kind.write(realm, live, { fields, mark: { text: mark } }, inputs);
    return (await this.#kind.find(realm, inputs)) ?? live;
  }

  /** What an earlier holder of this run knows about the object, if its mark is still there. */
  #inheritable(realm: Realm, live: Live): Ownership | undefined {
    const earlier = this.#holderOf(realm, this.#kind.noun, live);
    if (!earlier) return undefined;
    const isPart = this.#kind.partOf !== undefined;
    const { ours, handedOver } = readOwnMark(live.mark.text, earlier, isPart);
    if (live.mark.carries && !ours) return undefined;
    return { ...earlier, adopted: earlier.adopted && handedOver !== "created" };
  }

  /** A part carries its owner's mark: that of the owner's holder in this run, or the one it already has. */
  #markFor(realm: Realm, live: Live, key: string, recorded: Ownership | undefined): string {
    const { partOf } = this.#kind;
    if (partOf === undefined) return recorded?.mark ?? markOf(key);
    const standing = isMark(live.mark.text) ? live.mark.text : undefined;
    return this.#holderOf(realm, partOf, live)?.mark ?? recorded?.mark ?? standing ?? markOf(key);
  }

  #holderOf({ name, server }: Realm, noun: string, { id }: Live): Ownership | undefined {
    return this.#surroundings.holders.last(name, noun, { server, id })?.ownership;
  }

  #hold(recorded: Recorded<Inputs>, inherited = false): Recorded<Inputs> {
    this.#surroundings.holders.add(recorded.inputs.realm, this.#kind.noun, recorded, inherited);
    return recorded;
  }

  #say(severity: Remark["severity"], realm: Realm, inputs: Inputs, text: string): Promise<void> {
    return this.#surroundings.say(severity, `${capital(this.#describe(realm, inputs))}: ${text}`);
  }

  #describe(realm: Realm, inputs: Inputs): string {
    return `${this.#kind.describe(inputs)} in realm '${realm.name}' at ${realm.server}`;
  }
}

function recordOf<Inputs>(
  { server }: Place,
  inputs: Inputs,
  live: LiveObject | undefined,
  ownership: Omit<Ownership, "server" | "id">,
): Recorded<Inputs> {
  return { inputs, outputs: live?.outputs ?? {}, server, id: live?.id ?? idNotKnown, ...ownership };
}

/** The record of a create that failed has no id. If our mark is on the object, it is ours. */
function recognised<Inputs>(recorded: Recorded<Inputs>, live: LiveObject | undefined): Recorded<Inputs> {
  const isOurs = recorded.id === idNotKnown && live?.mark.text === recorded.mark;
  return isOurs && live ? { ...recorded, id: live.id } : recorded;
}

/** If the realm or the client is gone, so is everything in it. */
async function unlessNothingThere<Result>(answer: Promise<Result>): Promise<Result | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (hasMeaning(error, "nothing there")) return undefined;
    throw error;
  }
}

function writtenFields({ before }: Ownership): Fields {
  return Object.fromEntries(Object.entries(before.fields).map(([name, { written }]) => [name, written]));
}

function howToFollow({ name }: Named<unknown>): string {
  return `rename it back, or let the program say ${name}; or make another one by hand under the old name, and this stack adopts that`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
