// The fields of an object: compared, shown, and restored.
import { isDeepStrictEqual } from "node:util";

/** A field's value; undefined if it is not set. */
export type FieldValue = string | boolean | readonly string[] | undefined;
/** By the name that people know the field by. */
export type Fields = Readonly<Record<string, FieldValue>>;
/** Field by field, in words: what is, and what should be. */
export type Drift = Readonly<Record<string, string>>;

/** Does the object have all the wanted fields? */
export function matches(is: Fields, wanted: Fields): boolean {
  return Object.keys(differing(is, wanted)).length === 0;
}

/** Those of the wanted fields that the object does not have yet. */
export function differing(is: Fields, wanted: Fields): Fields {
  return Object.fromEntries(
    Object.entries(wanted).filter(([name, value]) => !isDeepStrictEqual(is[name], value)),
  );
}

/** "false, should be true" */
export function inWords(is: FieldValue, wanted: FieldValue): string {
  return `${show(is)}, should be ${show(wanted)}`;
}

function show(value: FieldValue): string {
  if (value === undefined) return "not set";
  return Array.isArray(value) ? `[${value.join(", ")}]` : `${value}`;
}
