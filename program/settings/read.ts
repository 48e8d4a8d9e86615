// Reads the stack's configuration: one set of settings for the top level's realm, or one for each tenant.

import * as pulumi from "@pulumi/pulumi";
import type { ApiUserOfRealm } from "../../components/index.ts";
import { isPlaintextConfig, isSecretConfig } from "../../components/pulumi-internals.ts";
import { similar } from "../../components/similar-names.ts";
import { isDevStack } from "../dev-stack.ts";
import { type ApiUserSettings, isEmpty, isObject } from "./kinds.ts";
import { inStackFile, namedFile } from "./stack-file.ts";
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
export type Settings = Omit<Filled, "customerPassword" | "customerProfile" | "apiUsers"> & {
  /** Undefined only without a customer. */
  readonly customerPassword: pulumi.Output<string> | undefined;
  readonly apiUsers: readonly ApiUserOfRealm[];
  readonly customerProfile: pulumi.Input<Values["customerProfile"]> | undefined;
};

/**
 * Looks up, and checks, what one place of the configuration sets. Undefined if the place leaves it out; an empty value
 * means the default.
 */
type Place = <K extends RealmName>(name: K) => Given<Values[K]> | undefined;
type Given<T> = { readonly value: T | undefined };

const namespace = "keycloak-apisix";

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
  refusePlaintextUsers("", ofTopLevel("apiUsers", config));
  const tenants = ofTopLevel("tenants", config);
  if (tenants === undefined) return [filled(common)];
  const all = tenants.map((tenant, index) => {
    const path = `tenants[${index}]`;
    const own = ofTenant(tenant, path);
    refusePlaintext(`${path}.customerPassword`, own("customerPassword")?.value);
    refusePlaintextUsers(`${path}.`, own("apiUsers")?.value);
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

/** It asks for the value. */
function encryptCommand(path: string): string {
  return command("config", "set", "--secret", ...(path.includes(".") ? ["--path"] : []), path);
}

/** A command as people run it in this clone. */
function command(...args: string[]): string {
  const file = namedFile();
  const all = [...args, "--stack", pulumi.getStack(), ...(file ? ["--config-file", file] : [])];
  return `npm run pulumi -- ${all.map((arg) => (/^[\w./-]+$/.test(arg) ? arg : `'${arg}'`)).join(" ")}`;
}

function ofTopLevel<K extends Name>(name: K, config: pulumi.Config): Values[K] | undefined {
  // Not `config.getObject`, which prints values that it cannot parse: they may hold passwords.
  const given = config.get(name);
  if (given === undefined) return undefined;
  const value = rows[name].kind.type === "string" ? asWritten(name, given) : parsed(given);
  return isEmpty(value) ? undefined : checked(name, name, value);
}

/** Pulumi turns into text what YAML takes for a number or a boolean. That may not be what was written: 4.10, 007. */
function asWritten(name: Name, given: string): unknown {
  const written = inStackFile(namespace, name);
  return typeof written === "number" || typeof written === "boolean" ? written : given;
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
  const {
    customerPassword,
    customerProfile,
    apiUsers = [],
    ...rest
  } = eachSetting((name) => (own(name) ?? common(name))?.value ?? rows[name].default);
  const password = customerPassword ?? (isDevStack() ? guidePassword : undefined);
  if (password === undefined && rest.customer) {
    // A tenant that leaves it empty on purpose would not take it from the top level.
    const encrypt = encryptCommand(own("customerPassword") ? `${path}customerPassword` : "customerPassword");
    fail(`${path}customerPassword`, `is missing, and has no default: set it with ${encrypt}`);
  }
  const isSecret = isSecretConfig(`${namespace}:${own("customerProfile") ? "tenants" : "customerProfile"}`);
  const usernames = [
    ...(rest.customer ? [rest.customerUsername] : []),
    ...apiUsers.map((user) => user.username),
  ].map((name) => name.toLowerCase());
  const twice = usernames.find((name, index) => usernames.indexOf(name) !== index);
  if (twice !== undefined) fail(`${path}apiUsers`, `names user '${twice}' twice: each user is one.`);
  return {
    ...rest,
    apiUsers: apiUsers.map(({ username, roles, password, profile }) => ({
      username,
      roles,
      password: pulumi.secret(password),
      // Its key holds passwords, so all of it is secret.
      profile: profile && pulumi.secret(profile),
    })),
    customerPassword: password === undefined || !rest.customer ? undefined : pulumi.secret(password),
    customerProfile: customerProfile && isSecret ? pulumi.secret(customerProfile) : customerProfile,
  };
}

function refusePlaintextUsers(path: string, users: readonly ApiUserSettings[] = []): void {
  for (const [index, { password }] of users.entries())
    refusePlaintext(`${path}apiUsers[${index}].password`, password);
}

/** `Object.fromEntries` forgets which value belongs to which name; the type of `choose` has made sure of it. */
function eachSetting(choose: <K extends RealmName>(name: K) => Filled[K]): Filled {
  return Object.fromEntries(realmNames.map((name) => [name, choose(name)])) as Filled;
}

/** Refuses a password that is in the clear, even beside encrypted ones. */
function refusePlaintext(path: string, password: string | undefined): void {
  if (password === undefined || (isDevStack() && password === guidePassword)) return;
  const [key = path] = path.split("[");
  const isInFile = inStackFile(namespace, path) === password;
  if (!isInFile && !isPlaintextConfig(`${namespace}:${key}`)) return;
  // Where the list is not in the file as a list, no value can be encrypted by itself.
  const at = isInFile ? path : key;
  fail(at, `is in the clear: encrypt it with ${encryptCommand(at)}`);
}

function fail(path: string, problem: string): never {
  throw new pulumi.RunError(`${namespace}:${path} ${problem}`);
}
