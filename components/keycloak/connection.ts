// Which Keycloak to talk to, and as whom: the keys and environment variables of @pulumi/keycloak's own
// provider, read from the namespace `keycloak` or from the one that a component's `connection` names.
import { Failure } from "../failure.ts";

/** The namespace that @pulumi/keycloak reads too. */
export const defaultNamespace = "keycloak";

/** Not a key of @pulumi/keycloak, so it is in our own namespace and applies to every connection. */
const maxConcurrentRequestsKey = "keycloak-apisix:maxConcurrentRequests";

export interface Connection {
  /** Config namespace it was read from. */
  readonly namespace: string;
  /** Address with base path and without a trailing slash; identifies the server. */
  readonly server: string;
  /** Realm of the admin account. */
  readonly adminRealm: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Timeout per request, in milliseconds. */
  readonly timeout: number;
  /** The most requests that are sent to Keycloak at once. */
  readonly maxConcurrentRequests: number;
  readonly rootCaCertificate: string | undefined;
  readonly tlsInsecureSkipVerify: boolean;
}

export type ReadConfig = (key: string) => string | undefined;

/** Names of the variables that @pulumi/keycloak's provider reads, without the namespace. The TLS keys have none. */
const environmentNames: Readonly<Record<string, string>> = {
  url: "URL",
  basePath: "BASE_PATH",
  realm: "REALM",
  clientId: "CLIENT_ID",
  clientSecret: "CLIENT_SECRET",
  username: "USER",
  password: "PASSWORD",
  clientTimeout: "CLIENT_TIMEOUT",
};

/** Name of the environment variable for a key, if it has one: `keycloak:basePath` is KEYCLOAK_BASE_PATH. */
function environmentVariable(namespace: string, key: string): string | undefined {
  const name = environmentNames[key];
  return name && `${namespace.replace(/[^A-Za-z0-9]+/g, "_").toUpperCase()}_${name}`;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads keys of one namespace, from either place or from both. */
function sources(namespace: string, config: ReadConfig, environment: Environment) {
  const configured = (key: string) => config(`${namespace}:${key}`);
  const inEnvironment = (key: string) => environment[environmentVariable(namespace, key) ?? ""];
  return {
    configured: (key: string) => configured(key) || undefined,
    inEnvironment: (key: string) => inEnvironment(key) || undefined,
    /** The configuration wins, even with an empty value. */
    value: (key: string) => (configured(key) ?? inEnvironment(key)) || undefined,
  };
}

const secretKeys = ["clientSecret", "password"];
const accountKeys = ["clientId", "username", ...secretKeys];

/** Does the configuration or the environment say who logs in? */
export function namesAccount(config: ReadConfig, environment: Environment): boolean {
  return accountKeys.some(sources(defaultNamespace, config, environment).value);
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
  return parseServer(namespace, url, value("basePath") ?? "");
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
  const isOfUser = configured("username") !== undefined;
  const isWhole = isOfUser
    ? configured("password") !== undefined
    : configured("clientId") !== undefined && configured("clientSecret") !== undefined;
  const defaults: Readonly<Record<string, string | undefined>> = isWhole
    ? { realm: "master", ...(isOfUser ? { clientId: "admin-cli" } : { username: "" }) }
    : {};
  const differs = (key: string) => {
    const [one, other] = [configured(key) ?? defaults[key], inEnvironment(key)];
    return one !== undefined && other !== undefined && one !== other;
  };
  const key = ["realm", ...accountKeys].find(differs);
  const ours = key && configured(key) ? key : secretKeys.find(configured);
  const theirs = key ?? secretKeys.find((secret) => !configured(secret) && inEnvironment(secret));
  if (!ours || !theirs) return;
  const name = `${namespace}:${ours}`;
  const variable = environmentVariable(namespace, theirs);
  throw new Failure(
    `Two accounts for Keycloak at ${server}: the stack's configuration sets ${name}, and the environment another one's ${variable}. Take ${name} out of the configuration, or ${variable} out of the environment. If the configuration no longer sets it, the last up recorded it: run this command with --run-program.`,
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
  refuseTwoAccounts(namespace, server, from);

  const username = value("username");
  const password = value("password");
  const clientSecret = value("clientSecret");
  const clientId = value("clientId") ?? (username ? "admin-cli" : undefined);
  if (!clientId || (username ? !password : !clientSecret)) {
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
    adminRealm: value("realm") ?? "master",
    clientId,
    clientSecret,
    username,
    password,
    timeout: seconds * 1000,
    maxConcurrentRequests,
    rootCaCertificate: value("rootCaCertificate"),
    tlsInsecureSkipVerify: value("tlsInsecureSkipVerify") === "true",
  };
}

const orSet = (namespace: string, key: string, how = "") =>
  `set ${namespace}:${key} in the stack's configuration${how}, or ${environmentVariable(namespace, key)} in the environment`;

/** What everybody on the way can read or take, as a warning; undefined if nothing. */
export function riskOf({ namespace, server, tlsInsecureSkipVerify }: Connection): string | undefined {
  const what = "the admin's credentials, the customer's password and the client's secret";
  if (isInTheClear(server)) {
    return `Keycloak at ${server} is reached over http, so ${what} travel in the clear: set ${namespace}:url to an https address.`;
  }
  if (tlsInsecureSkipVerify && !isLoopback(server)) {
    return `${namespace}:tlsInsecureSkipVerify is on, so whoever answers as ${server} gets ${what}: set ${namespace}:rootCaCertificate in its place.`;
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

function parseServer(namespace: string, url: string, basePath: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new Failure(
      `${namespace}:url is not an address: write it like https://keycloak.example.com, and put the base path into ${namespace}:basePath.`,
      { shared: true },
    );
  }
  if (parsed.username || parsed.password) {
    throw new Failure(
      `${namespace}:url holds credentials: take them out and set ${namespace}:username and ${namespace}:password instead.`,
      { shared: true },
    );
  }
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    throw new Failure(`${namespace}:url must start with http:// or https://.`, { shared: true });
  }
  const path = [parsed.pathname, basePath]
    .flatMap((part) => part.split("/"))
    .filter((part) => part !== "")
    .join("/");
  return path === "" ? parsed.origin : `${parsed.origin}/${path}`;
}
