// What a setting's value may be. Our own checks rather than a schema library's: their errors name the key as the user
// wrote it and what belongs there, and never show a value that may hold a password.
import { addressShape, isAddress } from "../../components/address.ts";
import { cxVersionShape } from "../../components/cx-version.ts";

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

export const version: Kind<string> = { ...text, shape: cxVersionShape };

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

/** 0 leaves it as it is: Pulumi.yaml has to give every setting a default. */
export const seconds: Kind<number> = {
  type: "integer",
  shape: "a whole number of seconds, or 0 to leave it as it is",
  accepts: (value): value is number => Number.isInteger(value) && Number(value) >= 0,
};

export const attributes: Kind<Readonly<Record<string, string>>> = {
  type: "object",
  shape: "an object of profile attributes and their values, each a string",
  accepts: (value): value is Record<string, string> =>
    isObject(value) && Object.values(value).every((each) => typeof each === "string"),
};

export interface ApiUserSettings {
  readonly username: string;
  readonly password: string;
  readonly roles?: readonly string[];
  readonly profile?: Readonly<Record<string, string>>;
}

export const apiUsers: Kind<readonly ApiUserSettings[]> = {
  type: "array",
  shape:
    "a list of objects, each with 'username', 'password' and, if wanted, 'roles' (a list) and 'profile' (as customerProfile)",
  accepts: (value): value is ApiUserSettings[] => Array.isArray(value) && value.every(isApiUser),
};

function isApiUser(value: unknown): value is ApiUserSettings {
  if (!isObject(value)) return false;
  const { username, password, roles = [], profile = {}, ...others } = value;
  return (
    [username, password].every((each) => typeof each === "string" && each !== "") &&
    Array.isArray(roles) &&
    roles.every((each) => typeof each === "string" && each !== "") &&
    attributes.accepts(profile) &&
    Object.keys(others).length === 0
  );
}

export const texts: Kind<string[]> = {
  type: "array",
  shape: "a list of strings",
  accepts: (value): value is string[] =>
    Array.isArray(value) && value.every((each) => typeof each === "string"),
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
