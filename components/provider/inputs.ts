// A resource's inputs on the wire: what the program asked for, what `check` adds for people, and what only serves
// the provider. Names of the latter begin with `__`: Pulumi keeps those out of previews.
import { isDeepStrictEqual } from "node:util";
import type { Drift } from "../ensure/fields.ts";
import type { Forecast } from "../ensure/lifecycle.ts";
import { Failure } from "../failure.ts";
import type { Properties } from "./protocol.ts";

/** What `check` adds to the inputs. */
export interface Added extends Omit<Forecast, "trace"> {
  /** {@link Forecast.trace} */
  readonly __trace?: string;
  /** Names of the inputs that changed in the program. Pulumi itself does not show that a secret changed. */
  readonly changed?: readonly string[];
}

/** An object rather than a list, so that the compiler finds a missing name. */
const added: Readonly<Record<keyof Required<Added> | "__provider", true>> = {
  plan: true,
  corrects: true,
  drift: true,
  __trace: true,
  changed: true,
  __provider: true,
};

/** Typed inputs as properties. */
export function properties(inputs: object): Properties {
  return { ...inputs };
}

/** What the program asked for. */
export function asked(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !(name in added)));
}

/** The same, typed. The resource class typed them on the other side of the wire; nothing here can check that. */
export function typed<Inputs>(properties: Properties): Inputs {
  return asked(properties) as unknown as Inputs;
}

/**
 * Keeps the inputs that say how the resource came about. An input that goes away is a change: a preview would show
 * it beside the drift, and the engine would write its whole state once more.
 */
export function kept({ plan, corrects, __trace }: Properties): Properties {
  return withValue({ plan, corrects, __trace });
}

export function traceIn({ __trace }: Properties): string | undefined {
  return typeof __trace === "string" ? __trace : undefined;
}

export function forecastInputs({ plan, corrects, drift, trace }: Forecast): Properties {
  return withValue({ plan, corrects: some(corrects), drift: some(drift), __trace: trace });
}

/** Drift in words. The engine shows no difference between two equal texts, so drift that came back says "(again)". */
export function driftSince(drift: Drift | undefined, earlier: unknown): Properties {
  const before: Properties = typeof earlier === "object" && earlier !== null ? { ...earlier } : {};
  const words = Object.entries(drift ?? {}).map(([field, text]) => [
    field,
    before[field] === text ? `${text} (again)` : text,
  ]);
  return withValue({ drift: some(Object.fromEntries(words)) });
}

/** Which of the inputs the program changed. */
export function changedInputs(olds: Properties, news: Properties): Properties {
  const changed = changedNames(olds, news);
  return withValue({ changed: changed.length > 0 ? changed : undefined });
}

/** Names of the inputs that differ, except those that only serve the provider. */
export function changedNames(olds: Properties, news: Properties): string[] {
  const names = [...new Set([...Object.keys(olds), ...Object.keys(news)])].toSorted();
  return names.filter((name) => !name.startsWith("__") && !isDeepStrictEqual(olds[name], news[name]));
}

/**
 * Outputs may turn out empty or undefined only when the program runs, which no type can refuse: a login as "undefined"
 * would follow.
 * @throws Failure that names the input
 */
export function requireInputs(
  {
    identity,
    required = [],
  }: { readonly identity: readonly string[]; readonly required?: readonly string[] },
  inputs: Properties,
): void {
  const empty = [...identity, ...required].find(
    (name) => typeof inputs[name] !== "string" || inputs[name] === "",
  );
  if (empty === undefined) return;
  throw new Failure(`'${empty}' is empty or undefined: see where the program takes it from.`);
}

/** A resource's id: `realm/user/customer`. */
export function resourceId(
  { noun, identity }: { readonly noun: string; readonly identity: readonly string[] },
  inputs: Properties,
): string {
  const names = identity.flatMap((key) => (key === "realm" ? [] : [inputs[key]]));
  return [inputs.realm, noun, ...names].join("/");
}

function some(drift: Drift | undefined): Drift | undefined {
  return drift && Object.keys(drift).length > 0 ? drift : undefined;
}

function withValue(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
}
