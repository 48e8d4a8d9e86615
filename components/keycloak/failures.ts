// What can go wrong with a request, as a failure in words.
import { NetworkError } from "@keycloak/keycloak-admin-client";
import { Failure } from "../failure.ts";
import { type Connection, nameOf } from "./connection.ts";

/** Worth a retry: the server, or a proxy in front of it, is busy or starting. */
export const temporaryStatus = new Set([429, 500, 502, 503, 504]);

export const isRedirect = (status: number) => status >= 300 && status < 400;

/** May go away by itself. */
export class TemporaryFailure extends Failure {
  /** What the server does, to complete "Keycloak at … ". */
  readonly why: string;
  /** Of a write: `none` if it was certainly refused before it took effect. */
  readonly effect: "none" | "unknown";
  /** Milliseconds that the server asks clients to wait. */
  readonly wait: number | undefined;
  readonly #isGivenUp: boolean;

  constructor(
    message: string,
    options: { status?: number; why: string; effect: "none" | "unknown"; wait?: number },
    isGivenUp = false,
  ) {
    super(message, { status: options.status, shared: true, about: options.why });
    this.why = options.why;
    this.effect = options.effect;
    this.wait = options.wait;
    this.#isGivenUp = isGivenUp;
  }

  /** The same failure, after retrying for this many milliseconds. */
  givenUp(after: number): TemporaryFailure {
    const seconds = Math.round(after / 1000);
    if (seconds < 1 || this.status === 401 || this.#isGivenUp) return this;
    return new TemporaryFailure(`${this.message} Tried for ${seconds} s.`, this, true);
  }

  /** The same failure of a write, if nobody could check whether it took effect. */
  unclear(): Failure {
    return new Failure(
      `${this.message} Whether it took effect is not known: run the command again, it looks first.`,
      { meaning: "unclear", status: this.status, shared: true, about: this.about },
    );
  }
}

/** What was requested, and from whom. */
export interface SentRequest {
  /** Completes "… failed: ". */
  readonly attempt: string;
  readonly connection: Connection;
  /** Where it went: to open the admin session, to the admin API, or to an endpoint of a realm. */
  readonly to: "login" | "admin API" | "realm";
  /** True if Keycloak itself has answered before, so the address is right. */
  readonly hasAnswered: boolean;
}

/** The address in question, and the key that names it. */
function addressOf({ connection, to }: SentRequest): { server: string; key: string } {
  const { namespace, server, adminServer } = connection;
  const isOther = to === "admin API" && adminServer !== server;
  return isOther
    ? { server: adminServer, key: `${namespace}:adminUrl` }
    : { server, key: `${namespace}:url` };
}

/** A failed request as a failure in words. */
export function failureOf(error: unknown, request: SentRequest): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof NetworkError) return refused(error, request);
  return unreachable(error, request);
}

function refused(error: NetworkError, request: SentRequest): Failure {
  const { attempt, connection, to, hasAnswered } = request;
  const { status } = error.response;
  const { namespace } = connection;
  const { server, key } = addressOf(request);
  const said = answerInWords(error.responseData);
  const at = `${attempt} at ${server}`;
  if (isRedirect(status)) {
    const target = redirectTarget(error.response);
    return new Failure(
      `${at} failed: the server redirects (${status}${target}), and credentials are not sent on to another address; set ${key} to the address that answers itself.`,
      { status, shared: true },
    );
  }
  // A proxy that has lost Keycloak answers with a page of its own.
  const lost = status === 404 && isPage(error.response) && hasAnswered;
  if (temporaryStatus.has(status) || lost) return busy(at, error.response, said);
  if (status === 404 && said === undefined) {
    return new Failure(
      `${at} failed: there is no Keycloak under this address (404 without Keycloak's own answer); check ${key} and ${namespace}:basePath (CX serves Keycloak under /auth).`,
      { status, shared: true },
    );
  }
  if (isPage(error.response)) {
    return new Failure(
      `${at} failed: a proxy or firewall in front of Keycloak answered ${status} with a page of its own; make sure that requests from here reach Keycloak itself.`,
      { status, shared: true },
    );
  }
  if (to === "login") return loginRefused(connection, at, status, said);
  if (status === 401 && connection.accessToken) {
    return new Failure(
      `${at} failed: Keycloak does not accept the access token in ${namespace}:accessToken (401); it has expired or is not this server's, and it cannot be renewed: set a new one.`,
      { meaning: "login refused", status, shared: true, about: "the access token" },
    );
  }
  if (status === 401) {
    return new TemporaryFailure(
      `${at} failed: Keycloak does not accept the admin session that it has just opened (401); check that requests always reach the same Keycloak, by the name in its option 'hostname', and that the clocks agree.`,
      { status, why: "has ended the admin session", effect: "none" },
    );
  }
  if (status === 403) {
    return new Failure(
      `${at} failed: Keycloak answered 403 Forbidden; ${nameOf(connection)} of realm '${connection.adminRealm}' lacks the rights: give it the realm role 'admin', or for the realm in question the client roles 'manage-users', 'manage-clients' and 'manage-realm'.`,
      { status, shared: true },
    );
  }
  if (status === 404) {
    const meaning = said === "Realm not found." ? "nothing there" : "absent";
    return new Failure(`${at} failed: Keycloak answered 404 (${said}).`, { status, said, meaning });
  }
  return new Failure(`${at} failed: Keycloak answered ${status}${said ? ` (${said})` : ""}.`, {
    status,
    said,
    meaning: status === 409 ? "conflict" : undefined,
  });
}

/** The server is busy, but may soon be free again. */
function busy(at: string, response: Response, said: string | undefined): TemporaryFailure {
  const { status } = response;
  const wait = retryAfter(response);
  const words = said ? ` (${said})` : isPage(response) ? " with a page that is not Keycloak's own" : "";
  const later =
    wait === undefined
      ? ""
      : `; the server asks clients to wait ${Math.ceil(wait / 1000)} s, so try again then`;
  return new TemporaryFailure(`${at} failed: the answer was ${status}${words}${later}.`, {
    status,
    why: `answers ${status}`,
    // Only a rate limit is certain to come before anything is done.
    effect: status === 429 ? "none" : "unknown",
    wait,
  });
}

function loginRefused(connection: Connection, at: string, status: number, said: string | undefined): Failure {
  const { namespace, adminRealm } = connection;
  const advice =
    said === "Realm does not exist"
      ? `there is no realm '${adminRealm}': set ${namespace}:realm to the realm that the admin belongs to`
      : `check ${whatToCheck(connection)}`;
  return new Failure(`${at} failed: Keycloak answered ${status}${said ? ` (${said})` : ""}; ${advice}.`, {
    meaning: "login refused",
    status,
    shared: true,
  });
}

function whatToCheck(connection: Connection): string {
  const { namespace, server, username, clientId, adminRealm, jwtSigningKey, jwtToken, jwtTokenFile } =
    connection;
  if (username)
    return `${namespace}:username and ${namespace}:password, and that client '${clientId}' of realm '${adminRealm}' allows direct grants`;
  if (jwtSigningKey)
    return `${namespace}:clientId and ${namespace}:jwtSigningKey, that the client has a service account and authenticates by a signed JWT, and that Keycloak calls itself ${server}, for which the JWT is made`;
  if (jwtToken || jwtTokenFile)
    return `that the JWT in ${namespace}:${jwtToken ? "jwtToken" : "jwtTokenFile"} is made for this realm, has not expired and was not used before, and that its client has a service account`;
  return `${namespace}:clientId and ${namespace}:clientSecret, and that the client has a service account`;
}

function unreachable(error: unknown, request: SentRequest): Failure {
  const { attempt, connection } = request;
  const { namespace, timeout } = connection;
  const { server, key } = addressOf(request);
  if (error instanceof SyntaxError) {
    return new TemporaryFailure(
      `${attempt} failed: the answer from ${server} is not Keycloak's (no JSON); check ${key} and ${namespace}:basePath, and any proxy in between.`,
      { why: "answers with a page that is not Keycloak's own", effect: "unknown" },
    );
  }
  if (error instanceof Error && error.name === "TimeoutError") {
    return new TemporaryFailure(
      `${attempt} failed: Keycloak at ${server} did not answer within ${timeout / 1000} s; see whether it is up, or raise ${namespace}:clientTimeout.`,
      { why: "does not answer", effect: "unknown" },
    );
  }
  const { code, words: cause } = networkCause(error);
  // In TLS 1.3 nothing else is left of a refused certificate.
  const isPerhapsRefused = code === "UND_ERR_SOCKET" && !request.hasAnswered && server.startsWith("https:");
  const words = isPerhapsRefused ? `${cause}; ${ifItAsks}` : cause;
  const message = `${attempt} failed: Keycloak at ${server} cannot be reached (${words}); check ${key}, and that Keycloak is up and reachable from here.`;
  if (code in certificateProblems || isTlsAlert(code))
    return new Failure(message, { shared: true, about: words });
  return new TemporaryFailure(message, {
    why: `cannot be reached (${words})`,
    effect: neverSent.has(code) ? "none" : "unknown",
  });
}

export function answerInWords(data: unknown): string | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { error, error_description, errorMessage, field, errors } = data as Record<string, unknown>;
  // A user profile may refuse several attributes. Their values, which may be secret, stand in "params".
  if (Array.isArray(errors)) return errors.flatMap((each) => answerInWords(each) ?? []).join(", ");
  // RESTEasy's own 404 for a path that Keycloak does not serve is JSON too.
  if (typeof error === "string" && /^(RESTEASY\d|Unable to find matching target resource)/.test(error))
    return undefined;
  const words = [errorMessage, error_description, error].find((text) => typeof text === "string");
  if (typeof words !== "string") return undefined;
  return typeof field === "string" ? `${field}: ${words}` : words;
}

function redirectTarget(response: Response): string {
  const location = response.headers.get("location");
  if (!location || !URL.canParse(location)) return "";
  return ` to ${new URL(location).origin}`;
}

const ifItAsks =
  "if it asks for a client's certificate, set tlsClientCertificate and tlsClientPrivateKey to one that it accepts";
/** The server ends the handshake. */
const isTlsAlert = (code: string) => /^ERR_SSL_.*_ALERT_/.test(code);

const certificateProblems: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed: set rootCaCertificate",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate comes from an unknown authority: set rootCaCertificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate comes from an unknown authority: set rootCaCertificate",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate comes from an unknown authority: set rootCaCertificate",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
};
const networkProblems: Readonly<Record<string, string>> = {
  ...certificateProblems,
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name cannot be resolved now",
  ECONNRESET: "connection reset",
  UND_ERR_SOCKET: "connection closed",
  UND_ERR_CONNECT_TIMEOUT: "connection timed out",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "host unreachable",
};
/** There was no connection, so the request has not left this machine. */
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

export function networkCause(error: unknown): { code: string; words: string } {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as { code?: unknown } | undefined)?.code;
  if (typeof code === "string") {
    const alert = isTlsAlert(code) ? `it refuses the TLS handshake; ${ifItAsks}` : undefined;
    return { code, words: networkProblems[code] ?? alert ?? code };
  }
  return { code: "", words: cause instanceof Error ? cause.message : String(cause) };
}

/** An HTML page: Keycloak's admin API and token endpoint never answer with one. */
function isPage(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/html") ?? false;
}

/** Milliseconds, from seconds or a date. A date counts from the server's own, because its clock may differ. */
export function retryAfter(response: Response): number | undefined {
  const text = response.headers.get("retry-after");
  if (!text) return undefined;
  const now = Date.parse(response.headers.get("date") ?? "") || Date.now();
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}
