// Check, diff, create, read, update and delete, once for all ensured kinds. What differs stands in kinds/,
// what may be taken back is decided in ownership.ts.
import { isDeepStrictEqual } from "node:util";
import { asKeycloakError, KeycloakError } from "./errors.ts";
import { MissingError, UnclearError } from "./failures.ts";
import type { Fields, FieldValue, FoundAndWritten, Kind, KindInputs } from "./kinds/kind.ts";
import { type Before, type Holding, isMark, markOf, newHolder, readMark, release } from "./ownership.ts";
import type { ProviderProcess } from "./process.ts";
import type { RealmSession } from "./realm-session.ts";
import { warnOfUntestedServer } from "./server-version.ts";
import { hasUnknown } from "./unknown.ts";
import { note, warn } from "./warnings.ts";

/** Field by field, what the live object is and what it should be. */
export type Drift = Readonly<Record<string, string>>;

/** Forecasts that `check` adds to the inputs, for people to read in a preview. */
export interface Forecast {
  readonly plan?: "adopt" | "create";
  readonly drift?: Drift;
  /** What adopting will put right, in the words of a drift. */
  readonly corrects?: Drift;
  /** Why an update comes that no field shows. */
  readonly status?: string;
  /** Of an adopted object: what will be another when somebody makes the object anew. */
  readonly adopts?: string;
}

/** What the state keeps as outputs: the inputs, who holds the object, and the kind's own outputs. */
export type Outs<Inputs> = Inputs &
  Holding & { readonly changedAt: string } & Readonly<Record<string, unknown>>;

export interface Lifecycle<Inputs> {
  check(olds: Partial<Inputs & Forecast>, news: Inputs & Forecast): Promise<CheckAnswer>;
  diff(olds: Outs<Inputs>, news: Inputs & Forecast): Promise<DiffAnswer>;
  create(news: Inputs & Forecast): Promise<{ id: string; outs: object }>;
  read(id: string, outs: Outs<Inputs>): Promise<{ id: string; props: object; inputs: object }>;
  update(olds: Outs<Inputs>, news: Inputs & Forecast): Promise<{ outs: object }>;
  delete(outs: Outs<Inputs>): Promise<void>;
}

export interface CheckAnswer {
  readonly inputs: object;
  readonly failures?: readonly { readonly property: string; readonly reason: string }[];
}
export interface DiffAnswer {
  readonly changes: boolean;
  readonly replaces?: string[];
}

/** In place of the Keycloak id of what was perhaps created. */
const notKnown = "";

export function lifecycle<Inputs extends KindInputs, Live>(
  kind: Kind<Inputs, Live>,
  process: ProviderProcess,
): Lifecycle<Inputs> {
  const realmOf = (inputs: Inputs) => process.session(inputs.connection).realm(inputs.realm);
  const where = (inputs: Inputs, realm: RealmSession) =>
    `${kind.describe(inputs)} in realm '${inputs.realm}' at ${realm.session.server}`;
  const idOf = (inputs: Inputs) =>
    [
      inputs.realm,
      kind.kind,
      ...kind.identity.filter((key) => key !== "realm").map((key) => inputs[key]),
    ].join("/");

  /** How the live object differs from what the inputs ask for, in words. */
  async function assess(
    realm: RealmSession,
    inputs: Inputs,
    context: { recorded?: Outs<Inputs>; previous?: Partial<Inputs>; find?: Kind<Inputs, Live>["find"] },
  ): Promise<{ live: Live | undefined; drift: Drift }> {
    const live = await (context.find ?? kind.find)(realm, inputs);
    if (!live) return { live, drift: { [kind.noun]: "missing" } };
    const wanted = await kind.wanted(realm, inputs, {
      live,
      recorded: recordedOf(context.recorded),
      previous: context.previous as Inputs | undefined,
    });
    const is = kind.fields(live);
    const drift: Record<string, string> = {};
    for (const [field, should] of Object.entries(wanted)) {
      if (isDeepStrictEqual(is[field], should)) continue;
      drift[field] =
        kind.explain?.(field, is[field], should) ?? `${show(is[field])}, should be ${show(should)}`;
    }
    return { live, drift };
  }

  /**
   * Made anew by somebody: told by the owner mark, or, of what was adopted as it stood and so never marked, by
   * the trace that `check` noted.
   */
  function madeAnew(live: Live, adopts: string | undefined): Drift {
    if (!kind.trace) return {};
    const { field, words, always } = kind.trace;
    const mark = kind.mark(live);
    if (isMark(mark.text) || (!mark.carries && adopts === undefined)) return {};
    if (adopts === undefined ? !always : adopts === kind.trace.of(live)) return {};
    return { [field]: words(live) };
  }

  /** As a preview looks: a glimpse, where the kind has one, and the whole object where that raises a doubt. */
  function look(adopts: string | undefined, isNew = false): Kind<Inputs, Live>["find"] {
    // The whole of what is new; what a glimpse asks for, the next resources will want to know.
    if (isNew) return async (...of) => (await Promise.all([kind.find(...of), kind.glimpse?.(...of)]))[0];
    return async (realm, inputs) => {
      const seen = await kind.glimpse?.(realm, inputs);
      return seen && Object.keys(madeAnew(seen, adopts)).length === 0 ? seen : kind.find(realm, inputs);
    };
  }

  function hold(outs: Outs<Inputs>, inherited = false): void {
    process.run.hold(outs.realm, kind.kind, outs, inherited);
  }

  /**
   * Writes what is needed and tells what the state has to keep. Where writing breaks off, the error carries
   * what is known by then: without it, half-written fields would count as found.
   */
  async function adoptOrCreate(inputs: Inputs, adopts: string | undefined): Promise<Outs<Inputs>> {
    const realm = realmOf(inputs);
    realm.forgetOld();
    await kind.validate?.(realm, inputs);
    let live = await kind.find(realm, inputs);
    // For something new, what `check` has just seen will do. What may have to be changed is looked at again, so that
    // nothing is sent back that somebody has changed meanwhile.
    if (live && (kind.present?.(live, inputs) ?? true)) {
      realm.forget();
      live = await kind.find(realm, inputs);
    }
    return live ? adopt(realm, inputs, live, adopts) : create(realm, inputs);
  }

  async function create(realm: RealmSession, inputs: Inputs): Promise<Outs<Inputs>> {
    const holder = newHolder();
    const mark = markOf(holder);
    const fields = await kind.wanted(realm, inputs, { settle: true });
    const held = (written: Fields) => ({
      adopted: false,
      holder,
      mark,
      before: { fields: pairs({}, written, Object.keys(fields)) },
    });
    let isMade = false;
    try {
      await kind.create(realm, inputs, fields, mark);
      isMade = true;
      const live = await kind.find(realm, inputs);
      if (!live) throw new KeycloakError(`${where(inputs, realm)} was created, and then was not there.`);
      return finish(realm, inputs, live, held(kind.fields(live)));
    } catch (error) {
      // Somebody was faster: what is there now is adopted, as if it had been there before.
      const made = isMade ? undefined : await madeMeanwhile(realm, inputs, error);
      if (made) return adopt(realm, inputs, made, undefined);
      const failure = asKeycloakError(error);
      // Its mark will tell whether what is found next time is ours.
      if (isMade || failure instanceof UnclearError)
        failure.partial = { id: idOf(inputs), properties: outsOf(realm, inputs, undefined, held(fields)) };
      throw failure;
    }
  }

  /** What the state keeps of a create that broke off has no Keycloak id: where the mark is ours, this is the one. */
  function recognised(outs: Outs<Inputs>, live: Live | undefined): Outs<Inputs> {
    const isOurs = outs.uuid === notKnown && live && kind.mark(live).text === outs.mark;
    return isOurs ? ({ ...outs, uuid: kind.uuid(live) } as Outs<Inputs>) : outs;
  }

  async function madeMeanwhile(
    realm: RealmSession,
    inputs: Inputs,
    error: unknown,
  ): Promise<Live | undefined> {
    if (!(error instanceof KeycloakError) || error.status !== 409) return undefined;
    realm.forget();
    return kind.find(realm, inputs);
  }

  /** @param adopts the trace that `check` noted: an object with another one is marked, so that it is known again */
  async function adopt(
    realm: RealmSession,
    inputs: Inputs,
    live: Live,
    adopts: string | undefined,
  ): Promise<Outs<Inputs>> {
    const holder = newHolder();
    const found = kind.mark(live);
    const owner = ownerHolding(realm, live);
    const onOwner = kind.partOf && isMark(found.text) ? found.text : undefined;
    const mark = owner?.mark ?? onOwner ?? markOf(holder);
    const earlier = process.run.lastHolding(realm.session.server, realm.name, kind.kind, kind.uuid(live));
    const inherited =
      earlier && (!found.carries || readMark(found.text, earlier.mark).ours) ? earlier : undefined;

    const wanted = await kind.wanted(realm, inputs, { live, settle: true });
    const held = (written: Fields) => {
      const before: Before = {
        fields: pairs(kind.fields(live), written, Object.keys(wanted)),
        ...(found.text !== undefined && found.text !== mark && { mark: found.text }),
      };
      return {
        adopted: inherited?.adopted ?? kind.present?.(live, inputs) ?? true,
        holder,
        mark,
        before: inherited ? merged(inherited.before, before) : before,
      };
    };
    try {
      const lost = Object.keys(madeAnew(live, adopts)).length > 0;
      const now = await put(realm, inputs, live, wanted, mark, lost);
      return finish(realm, inputs, now, held(kind.fields(now)), inherited !== undefined);
    } catch (error) {
      const failure = asKeycloakError(error);
      failure.partial = { id: idOf(inputs), properties: outsOf(realm, inputs, live, held(wanted)) };
      throw failure;
    }
  }

  /**
   * Writes the fields that differ, and reads the object again. The mark goes with every change, and over the
   * mark of another holder when adopting; an object that is right and nobody's stays untouched.
   */
  async function put(
    realm: RealmSession,
    inputs: Inputs,
    live: Live,
    wanted: Fields,
    mark: string,
    lost = false,
  ): Promise<Live> {
    const changes = differing(kind.fields(live), wanted);
    const onObject = kind.mark(live).text;
    const takesOver = onObject !== mark && isMark(onObject);
    if (Object.keys(changes).length === 0 && !takesOver && !lost) return live;
    await kind.write(realm, live, changes, { text: mark }, inputs);
    return (await kind.find(realm, inputs)) ?? live;
  }

  /** What holds the object that this one is part of, if it was seen in this run. */
  function ownerHolding(realm: RealmSession, live: Live): Holding | undefined {
    if (!kind.partOf) return undefined;
    return process.run.lastHolding(realm.session.server, realm.name, kind.partOf, kind.uuid(live));
  }

  function finish(
    realm: RealmSession,
    inputs: Inputs,
    live: Live,
    held: Pick<Holding, "adopted" | "holder" | "mark" | "before">,
    inherited = false,
  ): Outs<Inputs> {
    const outs = outsOf(realm, inputs, live, held);
    hold(outs, inherited);
    return outs;
  }

  function outsOf(
    realm: RealmSession,
    inputs: Inputs,
    live: Live | undefined,
    held: Pick<Holding, "adopted" | "holder" | "mark" | "before">,
  ): Outs<Inputs> {
    return {
      ...withoutForecast(inputs),
      ...(live && kind.outputs?.(live)),
      server: realm.session.server,
      uuid: live ? kind.uuid(live) : notKnown,
      changedAt: new Date().toISOString(),
      ...held,
    } as Outs<Inputs>;
  }

  return {
    async check(olds, news) {
      const inputs = withoutUnknownHints(withoutForecast(news));
      if (hasUnknown(inputs)) return { inputs: { ...inputs, ...keptForecast(olds) } };
      try {
        const realm = realmOf(inputs);
        await kind.validate?.(realm, inputs);
        // Another name is another object, whatever is known of the earlier one.
        const isNew = kind.identity.some((key) => !isDeepStrictEqual(olds[key], inputs[key]));
        const previous = isNew ? undefined : withoutForecast(olds as Inputs & Forecast);
        const { live, drift } = await assess(realm, inputs, { previous, find: look(olds.adopts, isNew) });
        if (isNew) {
          const refused = kind.writable && !(await kind.writable(realm, inputs));
          if (refused) throw readOnly(realm, where(inputs, realm));
          await warnOfUntestedServer(realm.session);
          // What cannot be made is better said now than half way through.
          if (!live) await kind.wanted(realm, inputs, {});
          const plan = live && (kind.present?.(live, inputs) ?? true) ? "adopt" : "create";
          const adopts = live && plan === "adopt" ? kind.trace?.of(live) : undefined;
          return {
            inputs: {
              ...inputs,
              plan,
              ...(plan === "adopt" && some({ corrects: drift })),
              ...(adopts && { adopts }),
            },
          };
        }
        const seen = live ? { ...drift, ...madeAnew(live, olds.adopts) } : drift;
        const status = previous && kind.status?.(previous, inputs);
        return {
          inputs: {
            ...inputs,
            ...keptForecast(olds),
            ...some({ drift: again(seen, olds.drift) }),
            ...(status && { status }),
          },
        };
      } catch (error) {
        const failure = asKeycloakError(error);
        if (failure.shared && !process.firstToReport(failure.about)) return { inputs };
        return { inputs, failures: [{ property: "", reason: failure.message }] };
      }
    },

    async diff(olds, news) {
      const inputs = withoutForecast(news);
      const replaces = kind.identity.filter(
        (key) => !hasUnknown(inputs[key]) && !isDeepStrictEqual(inputs[key], olds[key]),
      );
      if (replaces.length > 0) return { changes: true, replaces };
      if (hasUnknown(inputs)) return { changes: true };
      if (process.hasFailed) return { changes: true };
      const realm = realmOf(inputs);
      if (realm.session.server !== olds.server) return { changes: true };
      const { live, drift } = await assess(realm, inputs, {
        recorded: olds,
        previous: olds,
        find: look(news.adopts),
      });
      if (!live) return { changes: true };
      hold(recognised(olds, live));
      // A glimpse does not show `check` whose the object is, so this is the first to know.
      const isAnother = olds.uuid !== notKnown && kind.uuid(live) !== olds.uuid;
      if (kind.glimpse && isAnother && news.drift === undefined)
        await warn(`${capital(where(inputs, realm))} was made anew by somebody: an 'up' adopts it.`);
      const stale = !isDeepStrictEqual(
        { ...kind.outputs?.(live), uuid: kind.uuid(live) },
        pick(olds, ["uuid", ...Object.keys(kind.outputs?.(live) ?? {})]),
      );
      return { changes: stale || Object.keys({ ...drift, ...madeAnew(live, news.adopts) }).length > 0 };
    },

    async create(news) {
      const outs = await adoptOrCreate(withoutForecast(news), news.adopts);
      return { id: idOf(outs), outs: { ...outs, ...keptForecast(news) } };
    },

    async read(id, outs) {
      const inputs = inputsOf(outs);
      const forecast = keptForecast(outs as Forecast);
      const realm = realmOf(inputs);
      // Elsewhere now: the state's word stands until an `up` has moved the resource.
      if (realm.session.server !== outs.server) return { id, props: outs, inputs };
      try {
        const { live, drift } = await assess(realm, inputs, { recorded: outs, previous: inputs });
        if (!live) return { id: "", props: {}, inputs: {} };
        hold(recognised(outs, live));
        const seen = some({ drift: { ...drift, ...madeAnew(live, forecast.adopts) } });
        const kept = { ...inputs, ...forecast, ...seen };
        return { id, props: { ...withoutForecast(recognised(outs, live)), ...kept }, inputs: kept };
      } catch (error) {
        if (error instanceof MissingError) return { id: "", props: {}, inputs: {} };
        throw error;
      }
    },

    async update(recorded, news) {
      const inputs = withoutForecast(news);
      const realm = realmOf(inputs);
      realm.forget();
      await kind.validate?.(realm, inputs);
      const kept = keptForecast(news);
      if (realm.session.server !== recorded.server)
        return { outs: { ...(await adoptOrCreate(inputs, news.adopts)), ...kept } };
      const live = await kind.find(realm, inputs);
      const olds = recognised(recorded, live);
      if (!live) return { outs: { ...(await create(realm, inputs)), ...kept } };
      if (kind.uuid(live) !== olds.uuid)
        return { outs: { ...(await adopt(realm, inputs, live, news.adopts)), ...kept } };

      const wanted = await kind.wanted(realm, inputs, {
        live,
        recorded: recordedOf(olds),
        previous: olds,
        settle: true,
      });
      const owner = ownerHolding(realm, live);
      const mark = owner?.mark ?? olds.mark;
      // Another stack's mark is left alone: it took the object over, and takes it back.
      const onObject = kind.mark(live).text;
      const lost = Object.keys(madeAnew(live, news.adopts)).length > 0;
      const now = await put(
        realm,
        inputs,
        live,
        wanted,
        onObject && isMark(onObject) ? onObject : mark,
        lost,
      );
      const fresh = { fields: pairs(kind.fields(live), kind.fields(now), Object.keys(wanted)) };
      const before = merged(olds.before, fresh);
      const held = { adopted: olds.adopted, holder: olds.holder, mark, before };
      return { outs: { ...finish(realm, inputs, now, held), ...kept } };
    },

    async delete(recorded) {
      const inputs = inputsOf(recorded);
      const realm = realmOf(inputs);
      realm.forget();
      const sameServer = realm.session.server === recorded.server;
      const live = sameServer ? await findIfThere(kind, realm, inputs) : undefined;
      const outs = recognised(recorded, live);
      const other = process.run.otherHolder(outs.realm, kind.kind, outs);
      const decision = release(
        outs,
        realm.session.server,
        live && {
          uuid: kind.uuid(live),
          fields: kind.fields(live),
          mark: kind.mark(live),
          attached: kind.partOf !== undefined,
        },
        other,
        kind.irreversible,
      );
      process.run.letGo(outs.realm, kind.kind, outs);
      const left = kind.plural ? "were left as they are" : "was left as it is";
      const leave = (why: string) => warn(`${capital(where(inputs, realm))} ${left}: ${why}.`);
      if (live && outs.uuid === notKnown)
        return leave(
          "its creation broke off, and no owner mark of ours is on it, so somebody else may have made it",
        );
      if (decision.do === "leave") return leave(decision.why);
      if (!live) return;
      if (decision.do === "nothing") {
        // A user without a password: no mark tells whose he is.
        const isUnmarked = outs.adopted && !kind.partOf && !kind.mark(live).carries;
        if (isUnmarked) await note(`${capital(where(inputs, realm))} ${staysFor("it was there already")}`);
        return;
      }
      if (decision.do === "hand over") {
        if (decision.mark) await kind.write(realm, live, {}, { text: decision.mark });
        const lost = other && !other.inherited ? changedOnAdopted(outs, kind.irreversible) : [];
        if (lost.length === 0) return;
        return warn(
          `${capital(where(inputs, realm))} is held by another resource now, which does not know how it was found, so destroy will not put back: ${lost.join(", ")}. A component that is renamed with 'aliases' keeps this.`,
        );
      }
      if (decision.do === "remove") {
        const users = await kind.usedByOthers?.(realm, live);
        if (users) return leave(users);
        return kind.remove(realm, live);
      }
      const { fields, mark, left: stayed } = decision;
      const reMark = kind.partOf || !kind.mark(live).carries ? undefined : { text: mark };
      if (Object.keys(fields).length > 0 || reMark) await kind.write(realm, live, fields, reMark);
      if (reMark && isMark(mark)) {
        const why = "it carries an owner mark of another stack";
        await note(`${capital(where(inputs, realm))} ${staysFor(why)}`);
      }
      for (const [field, reason] of Object.entries(stayed)) {
        await warn(`${capital(where(inputs, realm))}: ${field} was not put back: ${reason}.`);
      }
    },
  };

  function withoutUnknownHints(inputs: Inputs): Inputs {
    const unknown = (kind.hints ?? []).filter((key) => hasUnknown(inputs[key]));
    return Object.fromEntries(
      Object.entries(inputs).filter(([key]) => !(unknown as string[]).includes(key)),
    ) as unknown as Inputs;
  }

  function inputsOf(outs: Outs<Inputs>): Inputs {
    return pick(outs, ["kind", "realm", "connection", ...kind.inputs]) as unknown as Inputs;
  }
}

function readOnly(realm: RealmSession, what: string): KeycloakError {
  const { username, clientId, adminRealm } = realm.session.connection;
  return new KeycloakError(
    `'${username ?? clientId}' of realm '${adminRealm}' may read, but not change ${what}: give it the client roles 'manage-users', 'manage-clients' and 'manage-realm' for realm '${realm.name}', or the realm role 'admin'.`,
    { status: 403 },
  );
}

/** Why what looks like ours is left: nothing proves it, so whoever knows has to decide. */
function staysFor(reason: string): string {
  return `stays: ${reason}, or it was made by an 'up' that was killed before it had recorded that. If nobody needs it, delete it by hand.`;
}

async function findIfThere<Inputs extends KindInputs, Live>(
  kind: Kind<Inputs, Live>,
  realm: RealmSession,
  inputs: Inputs,
): Promise<Live | undefined> {
  try {
    return await kind.find(realm, inputs);
  } catch (error) {
    if (error instanceof MissingError) return undefined;
    throw error;
  }
}

/** Found and written value of each field. */
function pairs(found: Fields, written: Fields, names: readonly string[]): Record<string, FoundAndWritten> {
  return Object.fromEntries(names.map((name) => [name, { found: found[name], written: written[name] }]));
}

/** Fields that we changed on what was there before this stack. */
function changedOnAdopted({ adopted, before }: Holding, irreversible: object = {}): string[] {
  if (!adopted) return [];
  return Object.entries(before.fields)
    .filter(([name, { found, written }]) => !(name in irreversible) && !isDeepStrictEqual(found, written))
    .map(([name]) => name);
}

/** What was found first stays what is put back; what was written last is what must still be there. */
function merged(earlier: Before, later: Before): Before {
  const fields: Record<string, FoundAndWritten> = { ...later.fields };
  for (const [name, pair] of Object.entries(earlier.fields)) {
    fields[name] = { found: pair.found, written: (later.fields[name] ?? pair).written };
  }
  return { fields, ...(earlier.mark !== undefined && { mark: earlier.mark }) };
}

function differing(is: Fields, wanted: Fields): Record<string, FieldValue> {
  return Object.fromEntries(
    Object.entries(wanted).filter(([field, should]) => !isDeepStrictEqual(is[field], should)),
  );
}

function recordedOf(outs: Holding | undefined) {
  return outs && { uuid: outs.uuid, fields: outs.before.fields };
}

function withoutForecast<Inputs>(inputs: Inputs & Forecast): Inputs {
  const {
    plan: _plan,
    drift: _drift,
    corrects: _corrects,
    status: _status,
    adopts: _adopts,
    ...rest
  } = inputs;
  return rest as unknown as Inputs;
}

/**
 * How it came about stays with the resource. An input that went away would be shown as a change beside the drift, and
 * make the engine write the whole state again for each resource.
 */
function keptForecast({ plan, corrects, adopts }: Forecast): Forecast {
  return { ...(plan && { plan }), ...(corrects && { corrects }), ...(adopts && { adopts }) };
}

/** An object without the keys whose value is empty. */
function some<T extends Record<string, object>>(values: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => Object.keys(value).length > 0),
  ) as Partial<T>;
}

/** The engine shows no difference between two equal texts, so drift that came back says so. */
function again(drift: Drift, before: Drift | undefined): Drift {
  if (!before) return drift;
  return Object.fromEntries(
    Object.entries(drift).map(([field, words]) => [
      field,
      before[field] === words ? `${words} (again)` : words,
    ]),
  );
}

function pick(object: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => object[key] !== undefined).map((key) => [key, object[key]]));
}

function show(value: FieldValue): string {
  if (value === undefined) return "not set";
  return Array.isArray(value) ? `[${value.join(", ")}]` : `${value}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
