// What a setting's value may be. Our own checks rather than a schema library's: their errors name the key as the user
// wrote it and what belongs there, and never show a value that may hold a password.
import { addressShape, isAddress } from "../../components/address.ts";

export interface Kind<T> {
  /** The type that Pulumi.yaml declares. */
  readonly type: "string" | "boolean" | "integer" | "object" | "array";
  /** Completes the sentence "keycloak-apisix:KEY must be …". */
  readonly shape: string;
  readonly accepts: (value: unknown) => value is T;
}

export const text: Kind<string> = {
  type: "string",
  shape: "a string, in quotes",
  accepts: (value) => typeof value === "string",
};

export const address: Kind<string> = {
  type: "string",
  shape: addressShape,
  accepts: (value): value is string => typeof value === "string" && isAddress(value),
};

export const flag: Kind<boolean> = {
  type: "boolean",
  shape: "a boolean, true or false",
  accepts: (value) => typeof value === "boolean",
};

export const count: Kind<number> = {
  type: "integer",
  shape: "a whole number, 1 or more",
  accepts: (value): value is number => Number.isInteger(value) && Number(value) >= 1,
};

export const attributes: Kind<Readonly<Record<string, string>>> = {
  type: "object",
  shape: "an object of profile attributes and their values, each a string",
  accepts: (value): value is Record<string, string> =>
    isObject(value) && Object.values(value).every((each) => typeof each === "string"),
};

export const realms: Kind<readonly unknown[]> = {
  type: "array",
  shape: "a list of objects, each with its 'realm'",
  accepts: (value): value is unknown[] => Array.isArray(value),
};

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Pulumi.yaml has to give every setting a default. An empty one stands for none, and so does nothing after a key. */
export function isEmpty(value: unknown): boolean {
  return (
    value === "" ||
    value === null ||
    ((isObject(value) || Array.isArray(value)) && Object.keys(value).length === 0)
  );
}
