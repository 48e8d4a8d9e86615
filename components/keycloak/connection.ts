// Which Keycloak to talk to, and as whom: the keys and environment variables of @pulumi/keycloak's own
// provider, read from the namespace `keycloak` or from the one that a component's `connection` names.
import { createPrivateKey, type KeyObject } from "node:crypto";
import { createSecureContext } from "node:tls";
import { Failure } from "../failure.ts";
import { parsed, realmOf } from "./tokens.ts";

/** The namespace that @pulumi/keycloak reads too. */
export const defaultNamespace = "keycloak";

/** Not a key of @pulumi/keycloak, so it is in our own namespace and applies to every connection. */
const maxConcurrentRequestsKey = "keycloak-apisix:maxConcurrentRequests";

export interface Connection {
  /** Config namespace it was read from. */
  readonly namespace: string;
  /** Address with base path and without a trailing slash; identifies the server. */
  readonly server: string;
  /** The same for the admin API: `server`, unless `adminUrl` names another. */
  readonly adminServer: string;
  /** Realm of the admin account. */
  readonly adminRealm: string;
  /** Undefined only if a token of the account says it all. */
  readonly clientId: string | undefined;
  /** At most one of these four proves who the client is. */
  readonly clientSecret: string | undefined;
  readonly jwtToken: string | undefined;
  readonly jwtTokenFile: string | undefined;
  readonly jwtSigningKey: KeyObject | undefined;
  readonly jwtSigningAlg: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** In place of a login. */
  readonly accessToken: string | undefined;
  /** Timeout per request, in milliseconds. */
  readonly timeout: number;
  /** The most requests that are sent to Keycloak at once. */
  readonly maxConcurrentRequests: number;
  /** Sent with every request to the server, by names in lower case. */
  readonly additionalHeaders: Readonly<Record<string, string>>;
  readonly rootCaCertificate: string | undefined;
  readonly tlsInsecureSkipVerify: boolean;
  /** Both of them or neither. */
  readonly tlsClientCertificate: string | undefined;
  readonly tlsClientPrivateKey: string | undefined;
}

export type ReadConfig = (key: string) => string | undefined;

interface Key {
  /** Name of the variable that @pulumi/keycloak's provider reads, without the namespace. */
  readonly variable?: string;
  /** What it says: where Keycloak is, in whose name to log in, or what proves that. */
  readonly says?: "server" | "account" | "proof";
  readonly isSecret?: true;
}

const keys = {
  url: { variable: "URL", says: "server" },
  adminUrl: { variable: "ADMIN_URL", says: "server" },
  basePath: { variable: "BASE_PATH", says: "server" },
  realm: { variable: "REALM", says: "account" },
  clientId: { variable: "CLIENT_ID", says: "account" },
  username: { variable: "USER", says: "account" },
  clientSecret: { variable: "CLIENT_SECRET", says: "proof", isSecret: true },
  password: { variable: "PASSWORD", says: "proof", isSecret: true },
  accessToken: { variable: "ACCESS_TOKEN", says: "proof", isSecret: true },
  jwtToken: { variable: "JWT_TOKEN", says: "proof", isSecret: true },
  jwtTokenFile: { variable: "JWT_TOKEN_FILE", says: "proof" },
  jwtSigningKey: { variable: "JWT_SIGNING_KEY", says: "proof", isSecret: true },
  jwtSigningAlg: {},
  clientTimeout: { variable: "CLIENT_TIMEOUT" },
  additionalHeaders: { isSecret: true },
  rootCaCertificate: {},
  tlsInsecureSkipVerify: {},
  tlsClientCertificate: {},
  tlsClientPrivateKey: { isSecret: true },
} as const satisfies Readonly<Record<string, Key>>;

type KeyName = keyof typeof keys;

const keysWith = (has: (key: Key) => boolean): readonly KeyName[] =>
  (Object.keys(keys) as KeyName[]).filter((name) => has(keys[name]));

/** Keys whose values may not stand in the clear. */
export const secretKeys = keysWith(({ isSecret }) => isSecret === true);
const accountKeys = keysWith(({ says }) => says === "account" || says === "proof");
const proofs = keysWith(({ says }) => says === "proof");
/** By one of these a client shows who it is. */
const clientProofs = ["clientSecret", "jwtToken", "jwtTokenFile", "jwtSigningKey"] as const;
/** A token that is an account of its own. */
const wholeAccounts = ["accessToken", "jwtToken", "jwtTokenFile"] as const;

const variablesOf = (names: readonly KeyName[]) =>
  names.flatMap((key) => environmentVariable(defaultNamespace, key) ?? []);
/** The environment variables that name a server, and those that name an account on it. */
export const serverVariables = variablesOf(keysWith(({ says }) => says === "server"));
export const accountVariables = variablesOf(accountKeys);

/** Name of the environment variable for a key, if it has one: `keycloak:basePath` is KEYCLOAK_BASE_PATH. */
function environmentVariable(namespace: string, key: KeyName): string | undefined {
  const { variable }: Key = keys[key];
  return variable && `${namespace.replace(/[^A-Za-z0-9]+/g, "_").toUpperCase()}_${variable}`;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads keys of one namespace, from either place or from both. */
function sources(namespace: string, config: ReadConfig, environment: Environment) {
  const configured = (key: KeyName) => config(`${namespace}:${key}`);
  const inEnvironment = (key: KeyName) => environment[environmentVariable(namespace, key) ?? ""];
  return {
    configured: (key: KeyName) => configured(key) || undefined,
    inEnvironment: (key: KeyName) => inEnvironment(key) || undefined,
    /** The configuration wins, even with an empty value. */
    value: (key: KeyName) => (configured(key) ?? inEnvironment(key)) || undefined,
  };
}

/** Does the configuration or the environment say who logs in? */
export function namesAccount(config: ReadConfig, environment: Environment): boolean {
  const { value } = sources(defaultNamespace, config, environment);
  // The realm alone names nobody.
  return accountKeys.some((key) => key !== "realm" && value(key) !== undefined);
}

/**
 * The server's address.
 * @throws Failure if it is missing or malformed.
 */
export function readServer(namespace: string, config: ReadConfig, environment: Environment): string {
  const { value } = sources(namespace, config, environment);
  const url = value("url");
  if (!url) {
    throw new Failure(
      `No Keycloak address: ${orSet(namespace, "url")}, for example to https://keycloak.example.com.`,
      { shared: true },
    );
  }
  return parseServer(namespace, "url", url, value("basePath") ?? "");
}

/** The admin's tokens go there, so the place that names it also has to name the server it belongs to. */
function readAdminServer(
  namespace: string,
  { configured, inEnvironment, value }: ReturnType<typeof sources>,
): string | undefined {
  const adminUrl = value("adminUrl");
  if (!adminUrl) return undefined;
  const isConfigured = configured("adminUrl") !== undefined;
  if ((isConfigured ? configured : inEnvironment)("url") !== value("url")) {
    const name = (key: KeyName) =>
      isConfigured ? `${namespace}:${key}` : environmentVariable(namespace, key);
    throw new Failure(
      `${name("adminUrl")} is set, but the address that it belongs to comes from elsewhere: set ${name("url")} as well, to the same address, or unset ${name("adminUrl")}.`,
      { shared: true },
    );
  }
  return parseServer(namespace, "adminUrl", adminUrl, value("basePath") ?? "");
}

/**
 * Whoever is given an account uses that one: the environment's is neither replaced by the configuration's, which is what
 * @pulumi/keycloak does, nor completed with it.
 */
function refuseTwoAccounts(
  namespace: string,
  server: string,
  { configured, inEnvironment }: ReturnType<typeof sources>,
): void {
  // Beside a whole account, what the environment says of one is another one's, unless it is the same.
  const has = (key: KeyName) => configured(key) !== undefined;
  const isOfUser = has("username");
  const isWhole = isOfUser
    ? has("password")
    : wholeAccounts.some(has) || (has("clientId") && clientProofs.some(has));
  const defaults: Partial<Record<KeyName, string>> = isWhole
    ? { realm: "master", clientId: isOfUser ? "admin-cli" : "", username: "" }
    : {};
  const differs = (key: KeyName) => {
    const [one, other] = [configured(key) ?? defaults[key], inEnvironment(key)];
    return one !== undefined && other !== undefined && one !== other;
  };
  const key = accountKeys.find(differs);
  const ours = key && has(key) ? key : proofs.find(has);
  const theirs = key ?? proofs.find((proof) => !has(proof) && inEnvironment(proof));
  if (!ours || !theirs) return;
  const name = `${namespace}:${ours}`;
  const variable = environmentVariable(namespace, theirs);
  throw new Failure(
    `Two accounts for Keycloak at ${server}: the stack's configuration sets ${name}, and the environment another one's ${variable}. Take ${name} out of the configuration, or ${variable} out of the environment. If the configuration no longer sets it, the last up recorded it: run this command with --run-program.`,
    { shared: true },
  );
}

/** Two proofs may be those of two accounts, and Keycloak would be shown only one. */
function refuseTwoProofs(namespace: string, { value }: ReturnType<typeof sources>): void {
  const ways: KeyName[] = [...clientProofs, "accessToken" as const].filter(value);
  const isUserToo = value("username") !== undefined && value("accessToken") !== undefined;
  const [way, other] = isUserToo ? (["username", "accessToken"] as const) : ways;
  if (!way || !other) return;
  const name = (key: KeyName) => {
    const variable = environmentVariable(namespace, key);
    return `${namespace}:${key}${variable ? ` (environment: ${variable})` : ""}`;
  };
  throw new Failure(
    `Two ways to log in to Keycloak: ${name(way)} and ${name(other)} are both set. Take away the one that is not meant.`,
    { shared: true },
  );
}

/**
 * Reads a connection.
 * @throws Failure naming the key that is missing or malformed, or the keys of two accounts.
 */
export function readConnection(namespace: string, config: ReadConfig, environment: Environment): Connection {
  const from = sources(namespace, config, environment);
  const { value } = from;
  const server = readServer(namespace, config, environment);
  const adminServer = readAdminServer(namespace, from) ?? server;
  refuseTwoAccounts(namespace, server, from);
  refuseTwoProofs(namespace, from);

  const username = value("username");
  const password = value("password");
  const accessToken = value("accessToken");
  const clientId = value("clientId") ?? (username ? "admin-cli" : undefined);
  const isComplete = username
    ? password
    : wholeAccounts.some(value) || (clientId && clientProofs.some(value));
  if (!isComplete) {
    const what = username
      ? `The password of admin '${username}' is missing: ${orSet(namespace, "password", " as a secret")}`
      : `No admin credentials for Keycloak at ${server}: set ${namespace}:username and ${namespace}:password, or ${namespace}:clientId and ${namespace}:clientSecret (environment: ${environmentVariable(namespace, "username")}, …)`;
    throw new Failure(`${what}.`, { shared: true });
  }

  const seconds = Number(value("clientTimeout") ?? 15);
  if (!Number.isFinite(seconds) || seconds <= 0) {
    throw new Failure(`${namespace}:clientTimeout is not a number of seconds greater than 0.`, {
      shared: true,
    });
  }
  const maxConcurrentRequests = Number(config(maxConcurrentRequestsKey) || 10);
  if (!Number.isInteger(maxConcurrentRequests) || maxConcurrentRequests < 1) {
    throw new Failure(`${maxConcurrentRequestsKey} is not a whole number greater than 0.`, {
      shared: true,
    });
  }
  return {
    namespace,
    server,
    adminServer,
    adminRealm: (accessToken && realmOf(accessToken)) ?? value("realm") ?? "master",
    clientId,
    clientSecret: value("clientSecret"),
    jwtToken: value("jwtToken"),
    jwtTokenFile: value("jwtTokenFile"),
    jwtSigningKey: signingKey(namespace, value("jwtSigningKey")),
    jwtSigningAlg: value("jwtSigningAlg") ?? "RS256",
    username,
    password,
    accessToken,
    timeout: seconds * 1000,
    maxConcurrentRequests,
    additionalHeaders: headers(namespace, value("additionalHeaders")),
    rootCaCertificate: value("rootCaCertificate"),
    tlsInsecureSkipVerify: value("tlsInsecureSkipVerify") === "true",
    ...clientCertificate(namespace, value("tlsClientCertificate"), value("tlsClientPrivateKey")),
  };
}

/** Who logs in, in words. */
export function nameOf({ namespace, username, clientId, jwtToken, accessToken }: Connection): string {
  if (accessToken) return `the owner of ${namespace}:accessToken`;
  if (username) return `admin '${username}'`;
  return clientId
    ? `client '${clientId}'`
    : `the client of ${namespace}:${jwtToken ? "jwtToken" : "jwtTokenFile"}`;
}

// Their own errors are not passed on: they may quote what they could not read.
function signingKey(namespace: string, pem: string | undefined): KeyObject | undefined {
  if (pem === undefined) return undefined;
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Failure(`${namespace}:jwtSigningKey is not a private key in PEM without a passphrase.`, {
      shared: true,
    });
  }
}

function clientCertificate(
  namespace: string,
  tlsClientCertificate: string | undefined,
  tlsClientPrivateKey: string | undefined,
): Pick<Connection, "tlsClientCertificate" | "tlsClientPrivateKey"> {
  const [one, other] = [`${namespace}:tlsClientCertificate`, `${namespace}:tlsClientPrivateKey`];
  if (!tlsClientCertificate !== !tlsClientPrivateKey) {
    throw new Failure(`${one} and ${other} belong together: set both or neither.`, { shared: true });
  }
  try {
    if (tlsClientCertificate) createSecureContext({ cert: tlsClientCertificate, key: tlsClientPrivateKey });
  } catch {
    throw new Failure(
      `${one} and ${other} are not a certificate and its private key, in PEM and without a passphrase.`,
      { shared: true },
    );
  }
  return { tlsClientCertificate, tlsClientPrivateKey };
}

/** What the requests themselves say. */
const ownHeaders = ["accept", "authorization", "content-type", "host"];

function headers(namespace: string, text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) return {};
  const given = parsed(text);
  const isObject = typeof given === "object" && given !== null && !Array.isArray(given);
  const isOfTexts = isObject && Object.values(given).every((each) => typeof each === "string");
  try {
    if (!isOfTexts) throw new TypeError();
    const named = Object.fromEntries(new Headers({ ...given }));
    const own = ownHeaders.find((name) => name in named);
    if (own === undefined) return named;
    throw new Failure(
      `${namespace}:additionalHeaders sets '${own}', which the requests to Keycloak need for themselves: take it out.`,
      { shared: true },
    );
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      `${namespace}:additionalHeaders is not an object of HTTP headers, each a string, like {"X-Tenant": "cx"}.`,
      { shared: true },
    );
  }
}

const orSet = (namespace: string, key: KeyName, how = "") =>
  `set ${namespace}:${key} in the stack's configuration${how}, or ${environmentVariable(namespace, key)} in the environment`;

/** What everybody on the way can read or take, as a warning; undefined if nothing. */
export function riskOf(connection: Connection): string | undefined {
  const { namespace, server, adminServer, tlsInsecureSkipVerify } = connection;
  const what = "the admin's credentials, the customer's password and the client's secret";
  const clear = [server, adminServer].find(isInTheClear);
  if (clear !== undefined) {
    const key = clear === server ? "url" : "adminUrl";
    return `Keycloak at ${clear} is reached over http, so ${what} travel in the clear: set ${namespace}:${key} to an https address.`;
  }
  const remote = [server, adminServer].find((each) => !isLoopback(each));
  if (tlsInsecureSkipVerify && remote !== undefined) {
    return `${namespace}:tlsInsecureSkipVerify is on, so whoever answers as ${remote} gets ${what}: set ${namespace}:rootCaCertificate in its place.`;
  }
  return undefined;
}

/** Does what is sent to this address leave the machine in the clear? */
export function isInTheClear(address: string): boolean {
  return new URL(address).protocol === "http:" && !isLoopback(address);
}

function isLoopback(address: string): boolean {
  return /^(localhost|127\.[\d.]+|\[::1\])$/.test(new URL(address).hostname);
}

function parseServer(namespace: string, key: "url" | "adminUrl", url: string, basePath: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new Failure(
      `${namespace}:${key} is not an address: write it like https://keycloak.example.com, and put the base path into ${namespace}:basePath.`,
      { shared: true },
    );
  }
  if (parsed.username || parsed.password) {
    throw new Failure(
      `${namespace}:${key} holds credentials: take them out and set ${namespace}:username and ${namespace}:password instead.`,
      { shared: true },
    );
  }
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    throw new Failure(`${namespace}:${key} must start with http:// or https://.`, { shared: true });
  }
  const path = [parsed.pathname, basePath]
    .flatMap((part) => part.split("/"))
    .filter((part) => part !== "")
    .join("/");
  return path === "" ? parsed.origin : `${parsed.origin}/${path}`;
}
