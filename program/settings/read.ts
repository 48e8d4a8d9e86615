// Reads the stack's configuration: one set of settings for the top level's realm, or one for each tenant.

import * as pulumi from "@pulumi/pulumi";
import { isPlaintextConfig } from "../../components/pulumi-internals.ts";
import { similar } from "../../components/similar-names.ts";
import { isDevStack } from "../dev-stack.ts";
import { isEmpty, isObject } from "./kinds.ts";
import {
  type Filled,
  isRealmName,
  type Name,
  names,
  type RealmName,
  realmNames,
  rows,
  type Values,
} from "./table.ts";

/** Settings of one realm; table.ts describes each. */
export type Settings = Omit<Filled, "customerPassword"> & {
  readonly customerPassword: pulumi.Output<string>;
};

/**
 * Looks up, and checks, what one place of the configuration sets. Undefined if the place leaves it out; an empty value
 * means the default.
 */
type Place = <K extends RealmName>(name: K) => Given<Values[K]> | undefined;
type Given<T> = { readonly value: T | undefined };

const namespace = "keycloak-apisix";
const secretCommand = `pulumi config set --secret ${namespace}:customerPassword`;

const guidePassword = "customer";

/**
 * Reads the settings of every realm of this stack.
 * @throws pulumi.RunError naming the key that is missing or wrong.
 */
export function readSettings(): Settings[] {
  const config = new pulumi.Config(namespace);
  refuseUnknown();
  const common: Place = (name) => ({ value: ofTopLevel(name, config) });
  refusePlaintext("customerPassword", ofTopLevel("customerPassword", config));
  const tenants = ofTopLevel("tenants", config);
  if (tenants === undefined) return [filled(common)];
  const all = tenants.map((tenant, index) => {
    const path = `tenants[${index}]`;
    const own = ofTenant(tenant, path);
    refusePlaintext("tenants", own("customerPassword")?.value);
    return filled(common, own, `${path}.`);
  });
  const realms = all.map(({ realm }) => realm);
  const twice = realms.find((realm, index) => realms.indexOf(realm) !== index);
  if (twice !== undefined) fail("tenants", `names realm '${twice}' twice: each realm is one tenant.`);
  return all;
}

/** Whoever misspells a key would otherwise get its default. */
function refuseUnknown(): void {
  const keys = Object.keys(pulumi.runtime.allConfig()).filter((key) => key.startsWith(`${namespace}:`));
  const known = new Set(names.map((name) => `${namespace}:${name}`));
  const unknown = keys.find((key) => !known.has(key))?.slice(namespace.length + 1);
  if (unknown === undefined) return;
  const remove = command("config", "rm", unknown);
  const suggested = similar("Settings", unknown, names);
  fail(unknown, `is not a setting.${suggested} Correct the name, or take it out: ${remove}`);
}

/** A command as people run it in this clone. */
function command(...args: string[]): string {
  const quoted = [...args, "--stack", pulumi.getStack()].map((arg) =>
    /^[\w-]+$/.test(arg) ? arg : `'${arg}'`,
  );
  return `npm run pulumi -- ${quoted.join(" ")}`;
}

function ofTopLevel<K extends Name>(name: K, config: pulumi.Config): Values[K] | undefined {
  // Not `config.getObject`, which prints values that it cannot parse: they may hold passwords.
  const given = config.get(name);
  const value = given === undefined || rows[name].kind.type === "string" ? given : parsed(given);
  return value === undefined || isEmpty(value) ? undefined : checked(name, name, value);
}

/** Text that is not JSON is returned as it is, and fails the check that follows. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

function ofTenant(tenant: unknown, path: string): Place {
  if (!isObject(tenant)) fail(path, "must be an object with at least 'realm'.");
  const unknown = Object.keys(tenant).find((key) => !isRealmName(key));
  if (unknown !== undefined) {
    fail(path, `has an unknown key '${unknown}': a tenant takes ${realmNames.join(", ")}.`);
  }
  const own: Place = (name) => {
    if (!Object.hasOwn(tenant, name)) return undefined;
    const value = tenant[name];
    return { value: isEmpty(value) ? undefined : checked(name, `${path}.${name}`, value) };
  };
  if (!own("realm")?.value) fail(`${path}.realm`, "is missing: the tenant's id.");
  return own;
}

function checked<K extends Name>(name: K, path: string, value: unknown): Values[K] {
  const { accepts, shape, type } = rows[name].kind;
  if (accepts(value)) return value;
  // Other types may hold passwords, so their values are not shown.
  const shown = type === "boolean" || type === "integer" ? `, not ${JSON.stringify(value)}` : "";
  fail(path, `must be ${shape}${shown}.`);
}

function filled(common: Place, own: Place = () => undefined, path = ""): Settings {
  const { customerPassword, ...rest } = eachSetting(
    (name) => (own(name) ?? common(name))?.value ?? rows[name].default,
  );
  const password = customerPassword ?? (isDevStack() ? guidePassword : undefined);
  if (password === undefined) {
    fail(`${path}customerPassword`, `is missing, and has no default: set it with '${secretCommand}'.`);
  }
  return { ...rest, customerPassword: pulumi.secret(password) };
}

/** `Object.fromEntries` forgets which value belongs to which name; the type of `choose` has made sure of it. */
function eachSetting(choose: <K extends RealmName>(name: K) => Filled[K]): Filled {
  return Object.fromEntries(realmNames.map((name) => [name, choose(name)])) as Filled;
}

function refusePlaintext(key: "customerPassword" | "tenants", password: string | undefined): void {
  const isDevDefault = isDevStack() && password === guidePassword;
  if (password === undefined || isDevDefault || !isPlaintextConfig(`${namespace}:${key}`)) return;
  fail(key, `holds a password in the clear: set it again with --secret (${secretCommand}).`);
}

function fail(path: string, problem: string): never {
  throw new pulumi.RunError(`${namespace}:${path} ${problem}`);
}
