// Ensured objects in Pulumi's terms: translates between the dynamic-provider protocol and ensure/lifecycle.ts.
import { isDeepStrictEqual } from "node:util";
import type { Kind, KindInputs, LiveObject, Place } from "../ensure/kind.ts";
import { BrokenOff, Lifecycle, type Recorded } from "../ensure/lifecycle.ts";
import { markOf } from "../ensure/marks.ts";
import { nothingBefore } from "../ensure/ownership.ts";
import { Failure } from "../failure.ts";
import {
  asked,
  changedInputs,
  changedNames,
  driftSince,
  forecastInputs,
  kept,
  properties,
  requireInputs,
  resourceId,
  traceIn,
  typed,
} from "./inputs.ts";
import type { ProviderProcess } from "./process.ts";
import { gone, type Methods, onTheWire, PartialState, type Properties } from "./protocol.ts";
import { hasUnknown } from "./unknown.ts";

/** The methods of one kind's dynamic provider. */
export function ensured<Inputs extends KindInputs, Live extends LiveObject, Realm extends Place>(
  kind: Kind<Inputs, Live, Realm>,
  process: ProviderProcess<Realm>,
): Methods {
  const own = new Lifecycle(kind, process);
  const inputsOf = typed<Inputs>;

  function toState({ inputs, outputs, id, server, adopted, ...rest }: Recorded<Inputs>): Properties {
    return { ...properties(inputs), ...outputs, uuid: id, server, adopted, ownership: toText(rest) };
  }

  function fromState(outs: Properties): Recorded<Inputs> {
    const { uuid, server, adopted, ownership, changedAt: _changedAt, ...others } = outs;
    const isOutput = (name: string) => Object.hasOwn(kind.outputs ?? {}, name);
    const part = (which: boolean) =>
      Object.fromEntries(Object.entries(others).filter(([name]) => isOutput(name) === which));
    return {
      inputs: inputsOf(part(false)),
      outputs: part(true),
      server: String(server),
      id: String(uuid),
      adopted: adopted === true,
      ...fromText(ownership),
    };
  }

  /** Creates, adopts or corrects the object, and records when. */
  async function ensure(news: Properties, recorded?: Recorded<Inputs>): Promise<Properties> {
    const stateOf = (now: Recorded<Inputs>) => ({
      ...toState(now),
      changedAt: new Date().toISOString(),
      ...kept(news),
    });
    try {
      return stateOf(await own.ensure(inputsOf(news), recorded, traceIn(news)));
    } catch (error) {
      if (!(error instanceof BrokenOff)) throw error;
      throw new PartialState(error, resourceId(kind, news), stateOf(error.recorded));
    }
  }

  return onTheWire({
    async check(olds, news) {
      const inputs = asked(news);
      const known = kept(olds);
      try {
        requireInputs(kind, inputs);
        if (hasUnknown(inputs)) return { inputs: { ...inputs, ...known } };
        // Another name is another object: nothing that is known about the earlier one applies.
        const isNew = kind.identity.some((key) => !isDeepStrictEqual(olds[key], inputs[key]));
        const earlier = isNew ? undefined : { inputs: inputsOf(olds), trace: traceIn(olds) };
        const forecast = await own.check(inputsOf(inputs), earlier);
        if (isNew) return { inputs: { ...inputs, ...forecastInputs(forecast) } };
        return {
          inputs: {
            ...inputs,
            ...known,
            ...forecastInputs({ trace: forecast.trace }),
            ...driftSince(forecast.drift, olds.drift),
            ...changedInputs(asked(olds), inputs),
          },
        };
      } catch (error) {
        return process.refused(inputs, error);
      }
    },

    async diff(_id, olds, news) {
      const inputs = asked(news);
      const replaces = kind.identity.filter(
        (key) => !hasUnknown(inputs[key]) && !isDeepStrictEqual(inputs[key], olds[key]),
      );
      if (replaces.length > 0) return { changes: true, replaces };
      if (hasUnknown(inputs) || process.hasRefused) return { changes: true };
      const recorded = fromState(olds);
      // What was recorded serves refresh and destroy, so it must not fall behind the program.
      if (changedNames(properties(recorded.inputs), inputs).length > 0) return { changes: true };
      return { changes: await own.diff(recorded, inputsOf(inputs), traceIn(news)) };
    },

    async create(news) {
      return { id: resourceId(kind, news), outs: await ensure(news) };
    },

    async update(_id, olds, news) {
      return { outs: await ensure(news, fromState(olds)) };
    },

    async read(id, outs) {
      const now = await own.read(fromState(outs), traceIn(outs));
      if (!now) return gone;
      const { recorded, drift } = now;
      const inputs = { ...properties(recorded.inputs), ...kept(outs), ...driftSince(drift, undefined) };
      return { id, props: { ...toState(recorded), changedAt: outs.changedAt, ...inputs }, inputs };
    },

    async delete(_id, outs) {
      await own.delete(fromState(outs));
    },
  });
}

type OwnershipText = Pick<Recorded<unknown>, "key" | "mark" | "before">;

/**
 * One text, without what follows from the rest, because the engine rewrites every value in every secret with every
 * step.
 */
function toText({ key, mark, before }: OwnershipText): string {
  return JSON.stringify({
    key,
    ...(mark !== markOf(key) && { mark }),
    ...(!isDeepStrictEqual(before, nothingBefore) && { before }),
  });
}

/** @throws Failure that does not quote the text, which is secret. */
function fromText(text: unknown): OwnershipText {
  try {
    const { key, mark = markOf(key), before = nothingBefore } = JSON.parse(String(text));
    if (typeof key === "string" && typeof mark === "string" && typeof before?.fields === "object")
      return { key, mark, before };
  } catch {
    // The failure below explains it.
  }
  throw new Failure(
    "The state of this resource was written by another version of keycloak-apisix: install that one, or remove the resource from the state ('pulumi state delete'), and the next 'up' adopts the object.",
  );
}
