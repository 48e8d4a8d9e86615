// The heart: check, diff, create, adopt, update, read and delete, once for all kinds. It knows neither Pulumi nor Keycloak:
// what differs between kinds stands in kind.ts, what may be taken back in ownership.ts.
import { isDeepStrictEqual } from "node:util";
import { asFailure, Failure } from "../failure.ts";
import { type Drift, differing, type Fields, inWords } from "./fields.ts";
import type { Holders } from "./holders.ts";
import type { Change, Kind, KindInputs, LiveObject, Place } from "./kind.ts";
import { isMark, markOf, newKey, readMark } from "./marks.ts";
import { foundAndWritten, idNotKnown, merged, type Ownership, type Remark, release } from "./ownership.ts";

/** What the state keeps of an ensured object. */
export interface Recorded<Inputs> extends Ownership {
  readonly inputs: Inputs;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** What an `up` would do, for people to read in a preview. No decision depends on it, `found` apart. */
export interface Forecast {
  readonly plan?: "adopt" | "create";
  /** What adopting will put right. */
  readonly corrects?: Drift;
  /** How the live object of an existing resource differs from what it should be. */
  readonly drift?: Drift;
  /** Of an adopted object: what is another value once somebody has made it anew. */
  readonly found?: string;
}

/** What check knows of the resource's earlier life; the state's record is not at hand then. */
export interface Earlier<Inputs> {
  readonly inputs: Inputs;
  readonly found?: string;
}

export interface Surroundings<Realm extends Place> {
  /** @throws Failure where the connection is not configured well. */
  realmOf(inputs: KindInputs): Realm;
  readonly holders: Holders;
  say(severity: Remark["severity"], text: string): Promise<void>;
}

export interface Lifecycle<Inputs> {
  /** Looks at the live object of a new resource, or of one that is as `earlier` says. */
  check(inputs: Inputs, earlier?: Earlier<Inputs>): Promise<Forecast>;
  /** Does the live object differ from what the inputs ask for, or from what was recorded? */
  diff(recorded: Recorded<Inputs>, inputs: Inputs, found?: string): Promise<boolean>;
  /**
   * Creates, adopts or corrects: whatever the live object needs.
   * @throws BrokenOff where something has been written that the state must know of.
   */
  ensure(inputs: Inputs, recorded?: Recorded<Inputs>, found?: string): Promise<Recorded<Inputs>>;
  /** What is there now, and how it drifted; undefined where it is gone. */
  read(
    recorded: Recorded<Inputs>,
    found?: string,
  ): Promise<{ readonly recorded: Recorded<Inputs>; readonly drift: Drift } | undefined>;
  /** Leaves the object as it was found, as far as ownership is certain. */
  delete(recorded: Recorded<Inputs>): Promise<void>;
}

/** Creating or adopting broke off half way: the state has to keep what is known by then. */
export class BrokenOff<Inputs> extends Failure {
  readonly recorded: Recorded<Inputs>;

  constructor(failure: Failure, recorded: Recorded<Inputs>) {
    super(failure.message, failure);
    this.recorded = recorded;
  }
}

export function lifecycle<Inputs extends KindInputs, Live extends LiveObject, Realm extends Place>(
  kind: Kind<Inputs, Live, Realm>,
  { realmOf, holders, say }: Surroundings<Realm>,
): Lifecycle<Inputs> {
  const isPart = kind.partOf !== undefined;
  const describe = (realm: Realm, inputs: Inputs) =>
    `${kind.describe(inputs)} in realm '${realm.name}' at ${realm.server}`;

  /** How the live object differs from what the inputs ask for. */
  async function assess(
    realm: Realm,
    inputs: Inputs,
    known: { written?: Fields; previous?: Inputs },
  ): Promise<{ readonly live: Live | undefined; readonly drift: Drift }> {
    const live = await kind.find(realm, inputs);
    if (!live) return { live, drift: { [kind.noun]: "missing" } };
    const wanted = await kind.wanted(realm, inputs, { live, ...known });
    const drift = Object.entries(differing(live.fields, wanted)).map(([field, value]) => {
      const is = live.fields[field];
      return [field, kind.explain?.(field, is, value) ?? inWords(is, value)];
    });
    return { live, drift: Object.fromEntries(drift) };
  }

  function traceOf(live: Live): { readonly value: string; readonly replaced: string } | undefined {
    return isPart ? live.trace : { value: live.id, replaced: "made anew outside this stack" };
  }

  /** Somebody has made it anew: the owner mark is gone, or, of what was never marked, it is another one than was found. */
  function replaced(live: Live, found: string | undefined): Drift {
    const trace = traceOf(live);
    const { carries, text, fragile } = live.mark;
    if (!trace || isMark(text)) return {};
    const isAnother = found === undefined ? carries && !fragile : found !== trace.value;
    return isAnother ? { [kind.noun]: trace.replaced } : {};
  }

  /** The record of a create that broke off has no id: where our mark is on the object, it is the one. */
  function recognised(recorded: Recorded<Inputs>, live: Live | undefined): Recorded<Inputs> {
    const isOurs = recorded.id === idNotKnown && live?.mark.text === recorded.mark;
    return isOurs && live ? { ...recorded, id: live.id } : recorded;
  }

  function recordOf(
    realm: Realm,
    inputs: Inputs,
    live: Live | undefined,
    ownership: Omit<Ownership, "server" | "id">,
  ): Recorded<Inputs> {
    return {
      inputs,
      outputs: live?.outputs ?? {},
      server: realm.server,
      id: live?.id ?? idNotKnown,
      ...ownership,
    };
  }

  async function create(realm: Realm, inputs: Inputs): Promise<Recorded<Inputs>> {
    if (kind.partOf !== undefined)
      throw new Failure(
        `Ensuring ${describe(realm, inputs)} failed: the ${kind.partOf} is not there; it was deleted while this ran, so run the command again.`,
      );
    const key = newKey();
    const mark = markOf(key);
    const fields = await kind.wanted(realm, inputs, { writing: true });
    const record = (live: Live | undefined, written: Fields) => {
      const before = { fields: foundAndWritten({}, written, Object.keys(fields)) };
      return recordOf(realm, inputs, live, { adopted: false, key, mark, before });
    };
    let isMade = false;
    try {
      await kind.create(realm, inputs, fields, mark);
      isMade = true;
      const live = await kind.find(realm, inputs);
      if (!live)
        throw new Failure(`${capital(describe(realm, inputs))} was created, and then was not there.`);
      return kept(record(live, live.fields));
    } catch (error) {
      const failure = asFailure(error);
      if (!isMade && failure.meaning === "conflict") {
        // Somebody was faster: what is there now is adopted, as if it had been there before.
        realm.forget();
        const live = await kind.find(realm, inputs);
        if (live) return correct(realm, inputs, live);
      }
      // Its mark will tell whether what is found next time is ours.
      throw isMade || failure.meaning === "unclear"
        ? new BrokenOff(failure, record(undefined, fields))
        : failure;
    }
  }

  /**
   * Adopts the live object or, where it is the recorded one, corrects it. Where adopting breaks off, the error carries what
   * is known by then: without it, half-written fields would count as found.
   */
  async function correct(
    realm: Realm,
    inputs: Inputs,
    live: Live,
    recorded?: Recorded<Inputs>,
    found?: string,
  ): Promise<Recorded<Inputs>> {
    const inherited = recorded ? undefined : inheritable(realm, live);
    const earlier = recorded ?? inherited;
    const key = recorded?.key ?? newKey();
    const mark = markFor(realm, live, key, recorded);
    const wanted = await kind.wanted(realm, inputs, {
      live,
      written: recorded && writtenFields(recorded),
      previous: recorded?.inputs,
      writing: true,
    });
    const record = (now: Live, written: Fields) => {
      const text = live.mark.text;
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
      // What another stack has marked since stays marked so: it took the object over, and takes it back.
      const text = recorded && isMark(live.mark.text) ? live.mark.text : mark;
      const change: Change = { fields: differing(live.fields, wanted), mark: { text } };
      const takesOver = isMark(live.mark.text) && live.mark.text !== text;
      const isReplaced = Object.keys(replaced(live, found)).length > 0;
      // The mark goes with every change. What is right, and nobody's, stays untouched.
      const isRight = Object.keys(change.fields).length === 0 && !takesOver && !isReplaced;
      if (!isRight) await kind.write(realm, live, change, inputs);
      const now = (isRight ? undefined : await kind.find(realm, inputs)) ?? live;
      return kept(record(now, now.fields), inherited !== undefined);
    } catch (error) {
      const failure = asFailure(error);
      throw recorded ? failure : new BrokenOff(failure, record(live, wanted));
    }
  }

  /** What an earlier holder, seen in this run, knows of the object: its mark is still on it. */
  function inheritable(realm: Realm, live: Live): Ownership | undefined {
    const earlier = holders.last(realm.name, kind.noun, { server: realm.server, id: live.id })?.ownership;
    if (!earlier) return undefined;
    const { ours, handedOver } = readMark(live.mark.text, earlier.mark, earlier.before.mark);
    if (live.mark.carries && !ours) return undefined;
    return { ...earlier, adopted: earlier.adopted && handedOver !== "created" };
  }

  /** What holds the object that this one is part of, if it was seen in this run. */
  function ownerOf(realm: Realm, live: Live): Ownership | undefined {
    if (kind.partOf === undefined) return undefined;
    return holders.last(realm.name, kind.partOf, { server: realm.server, id: live.id })?.ownership;
  }

  function markFor(realm: Realm, live: Live, key: string, recorded: Ownership | undefined): string {
    const onOwner = isPart && !recorded && isMark(live.mark.text) ? live.mark.text : undefined;
    return ownerOf(realm, live)?.mark ?? recorded?.mark ?? onOwner ?? markOf(key);
  }

  function kept(recorded: Recorded<Inputs>, inherited = false): Recorded<Inputs> {
    holders.add(recorded.inputs.realm, kind.noun, recorded, inherited);
    return recorded;
  }

  async function findIfThere(realm: Realm, inputs: Inputs): Promise<Live | undefined> {
    try {
      return await kind.find(realm, inputs);
    } catch (error) {
      if (error instanceof Failure && error.meaning === "nothing there") return undefined;
      throw error;
    }
  }

  return {
    async check(inputs, earlier) {
      const realm = realmOf(inputs);
      await kind.validate?.(realm, inputs, earlier === undefined);
      const { live, drift } = await assess(realm, inputs, { previous: earlier?.inputs });
      if (earlier) return { drift: live ? { ...drift, ...replaced(live, earlier.found) } : drift };
      // What cannot be made is better said now than half way through.
      if (!live) await kind.wanted(realm, inputs, {});
      if (!live || live.present === false) return { plan: "create" };
      return { plan: "adopt", corrects: drift, found: traceOf(live)?.value };
    },

    async diff(recorded, inputs, found) {
      const realm = realmOf(inputs);
      if (realm.server !== recorded.server) return true;
      const { live, drift } = await assess(realm, inputs, {
        written: writtenFields(recorded),
        previous: recorded.inputs,
      });
      if (!live) return true;
      kept(recognised(recorded, live));
      const isAnother = live.id !== recorded.id || !isDeepStrictEqual(live.outputs ?? {}, recorded.outputs);
      return isAnother || Object.keys({ ...drift, ...replaced(live, found) }).length > 0;
    },

    async ensure(inputs, recorded, found) {
      const realm = realmOf(inputs);
      // To create, what check has just seen will do: Keycloak itself refuses where somebody was faster.
      if (recorded) realm.forget();
      else realm.forgetOld();
      await kind.validate?.(realm, inputs, recorded === undefined);
      let live = await kind.find(realm, inputs);
      if (live && !recorded && live.present !== false) {
        // To correct is to send something back, and nothing that somebody has changed meanwhile.
        realm.forget();
        live = await kind.find(realm, inputs);
      }
      if (!live) return create(realm, inputs);
      const known = recorded?.server === realm.server ? recognised(recorded, live) : undefined;
      return correct(realm, inputs, live, known?.id === live.id ? known : undefined, found);
    },

    async read(recorded, found) {
      const { inputs } = recorded;
      const realm = realmOf(inputs);
      // Elsewhere now: the state's word stands until an `up` has moved the resource.
      if (realm.server !== recorded.server) return { recorded, drift: {} };
      try {
        const known = { written: writtenFields(recorded), previous: inputs };
        const { live, drift } = await assess(realm, inputs, known);
        if (!live) return undefined;
        return {
          recorded: kept(recognised(recorded, live)),
          drift: { ...drift, ...replaced(live, found) },
        };
      } catch (error) {
        if (error instanceof Failure && error.meaning === "nothing there") return undefined;
        throw error;
      }
    },

    async delete(stated) {
      const { inputs } = stated;
      const realm = realmOf(inputs);
      realm.forget();
      const live = realm.server === stated.server ? await findIfThere(realm, inputs) : undefined;
      const ownership = recognised(stated, live);
      const facts = {
        ownership,
        server: realm.server,
        live,
        isPart,
        other: holders.other(inputs.realm, kind.noun, ownership),
        irreversible: kind.partOf === undefined ? undefined : kind.irreversible,
      };
      let decision = release(facts);
      if (decision.remove && live && kind.partOf === undefined) {
        const usedBy = await kind.usedBy?.(realm, live);
        if (usedBy === undefined) await kind.remove(realm, live);
        else decision = release({ ...facts, usedBy });
      }
      holders.remove(inputs.realm, kind.noun, ownership);
      if (decision.write && live) await kind.write(realm, live, decision.write, inputs);
      for (const { severity, text } of decision.say)
        await say(severity, `${capital(describe(realm, inputs))}: ${text}`);
    },
  };
}

function writtenFields({ before }: Ownership): Fields {
  return Object.fromEntries(Object.entries(before.fields).map(([name, { written }]) => [name, written]));
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
