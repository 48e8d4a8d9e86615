// A resource that owns nothing and proves something. It runs if its inputs change or the objects that it depends on
// were written, and never in a preview.
import { isDeepStrictEqual } from "node:util";
import type { KindInputs, Place } from "../ensure/kind.ts";
import { asked, changedInputs, changedNames, kept, requireInputs, resourceId, typed } from "./inputs.ts";
import type { ProviderProcess } from "./process.ts";
import { type Methods, onTheWire, type Properties } from "./protocol.ts";
import { hasUnknown } from "./unknown.ts";

/** What is to be proven, and how. */
export interface Proof<Inputs extends KindInputs, Realm extends Place> {
  /** Part of the resource's id: `token`. */
  readonly noun: string;
  /** Inputs that name it. */
  readonly identity: readonly (keyof Inputs & string)[];
  /** Further inputs that must not be empty. */
  readonly required?: readonly (keyof Inputs & string)[];
  /** Name of the output that holds what was proven. */
  readonly output: string;
  /** @returns undefined if nothing could be proven, and that is no failure. @throws Failure if it is not so. */
  run(realm: Realm, inputs: Inputs): Promise<object | undefined>;
}

/** The methods of a proof's dynamic provider. */
export function proof<Inputs extends KindInputs, Realm extends Place>(
  { noun, identity, required, output, run }: Proof<Inputs, Realm>,
  process: ProviderProcess<Realm>,
): Methods {
  const inputsOf = typed<Inputs>;

  async function prove(news: Properties): Promise<Properties> {
    const inputs = inputsOf(news);
    const realm = process.realmOf(inputs);
    realm.forgetOld();
    return { ...asked(news), ...kept(news), server: realm.server, [output]: await run(realm, inputs) };
  }

  return onTheWire({
    async check(olds, news) {
      const inputs = asked(news);
      const known = kept(olds);
      try {
        requireInputs({ identity, required }, inputs);
      } catch (error) {
        return process.refused(inputs, error);
      }
      // `__after` is unknown until other resources are written. The plan is known anyway.
      const { __after, ...others } = inputs;
      if (hasUnknown(others)) return { inputs: { ...inputs, ...known } };
      if (olds.realm === undefined) return { inputs: { ...inputs, plan: "create" } };
      return { inputs: { ...inputs, ...known, ...changedInputs(asked(olds), inputs) } };
    },

    async diff(_id, olds, news) {
      const inputs = asked(news);
      const { server, [output]: _proven, ...earlier } = asked(olds);
      // `__after` is unknown in a preview if another resource changes. The change is shown there, not here.
      const isAfter = !hasUnknown(inputs.__after) && !isDeepStrictEqual(olds.__after, inputs.__after);
      if (isAfter || changedNames(earlier, inputs).length > 0) return { changes: true };
      return { changes: process.realmOf(inputsOf(news)).server !== server };
    },

    async create(news) {
      return { id: resourceId({ noun, identity }, news), outs: await prove(news) };
    },

    async update(_id, _olds, news) {
      return { outs: await prove(news) };
    },

    async read(id, outs) {
      const { server: _server, [output]: _output, ...inputs } = outs;
      return { id, props: outs, inputs };
    },

    async delete() {
      // A proof leaves nothing behind.
    },
  });
}
