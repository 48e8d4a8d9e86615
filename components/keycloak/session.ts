// The admin session: logs in once per process and only if needed, retries temporary failures, and looks before it
// writes again. All requests to Keycloak go through here.
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import KeycloakAdminClient, { NetworkError } from "@keycloak/keycloak-admin-client";
import { fetchWithError } from "@keycloak/keycloak-admin-client/lib/utils/fetchWithError.js";
import pLimit, { type LimitFunction } from "p-limit";
import pRetry from "p-retry";
import { Failure, hasMeaning } from "../failure.ts";
import { clientAuthentication } from "./client-authentication.ts";
import { type Connection, nameOf, riskOf } from "./connection.ts";
import {
  failureOf,
  isRedirect,
  networkCause,
  type SentRequest,
  TemporaryFailure,
  temporaryStatus,
} from "./failures.ts";
import { pause, Retry } from "./retry.ts";
import { claimsOf, parsed, rolesIn } from "./tokens.ts";

/** Milliseconds that an unclear write gets to take effect before anything is checked. */
const beforeLooking = 500;

/** Fields of a form; as pairs, where one has several values. */
type Form = Record<string, string> | [string, string][];

/** A form endpoint's answer, whatever its status. A list has the names "0", "1", … */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Warns the operator in the output of the running command, or just tells them. */
export type Warn = (text: string, severity?: "warning" | "info") => Promise<void>;

export class KeycloakSession {
  readonly connection: Connection;
  readonly admin: KeycloakAdminClient;
  readonly warn: Warn;
  /** Options of requests to the server; only these carry the additional headers and the client's certificate. */
  readonly #requestOptions: RequestInit;
  readonly #optionsElsewhere: RequestInit;
  readonly #limit: LimitFunction;
  readonly #retry: Retry;
  /** The refresh token of each session that a login has opened. */
  readonly #opened: string[] = [];
  #token: { value: string; expires: number } | undefined;
  #login: Promise<string> | undefined;
  #release: Promise<string | undefined> | undefined;

  constructor(connection: Connection, warn: Warn) {
    const { server, adminServer, adminRealm, timeout, maxConcurrentRequests } = connection;
    this.connection = connection;
    this.warn = warn;
    // A redirect could carry credentials to another host, so none is followed.
    this.#optionsElsewhere = {
      redirect: "manual",
      ...ownDispatcher(connection, { showsCertificate: false }),
    };
    this.#requestOptions = {
      redirect: "manual",
      ...ownDispatcher(connection, { showsCertificate: true }),
      headers: { ...connection.additionalHeaders },
    };
    this.#limit = pLimit(maxConcurrentRequests);
    this.#retry = new Retry(timeout, ({ why }, seconds) =>
      warn(`Keycloak at ${server} ${why}: trying again for up to ${seconds} s.`),
    );
    const requestOptions = this.#requestOptions;
    // The client would take any 404, a proxy's too, for "there is none".
    const requestArgOptions = { catchNotFound: false };
    this.admin = new KeycloakAdminClient({
      baseUrl: adminServer,
      realmName: adminRealm,
      timeout,
      requestOptions,
      requestArgOptions,
    });
    this.admin.registerTokenProvider({ getAccessToken: () => this.#accessToken() });
  }

  get server(): string {
    return this.connection.server;
  }

  /**
   * The server's release, undefined if this admin may not see it. Asked once and never retried: it only informs.
   */
  release(): Promise<string | undefined> {
    this.#release ??= this.admin.serverInfo.find().then(
      ({ systemInfo }) => systemInfo?.version,
      () => undefined,
    );
    return this.#release;
  }

  /** The admin's roles of a client of its realm; undefined if the token names no roles of clients. */
  rolesOfClient(clientId: string): string[] | undefined {
    const { resource_access: access } = claimsOf(this.#token?.value ?? "");
    if (typeof access !== "object" || access === null) return undefined;
    return rolesIn(new Map(Object.entries(access)).get(clientId)) ?? [];
  }

  /** Reads; `attempt` completes "… failed: ". */
  read<T>(attempt: string, request: () => Promise<T>): Promise<T> {
    return this.#retry.run(async () => {
      await this.#accessToken();
      return this.#send(attempt, request, "admin API");
    });
  }

  /**
   * Writes. A request that was refused before it could take effect is sent again. If that is not clear (no answer, or a
   * proxy's), `tookEffect` checks first.
   */
  async write(
    attempt: string,
    request: () => Promise<unknown>,
    tookEffect: () => Promise<boolean>,
  ): Promise<void> {
    const start = Date.now();
    let unclear: TemporaryFailure | undefined;
    try {
      await this.#retry.run(async () => {
        await this.#accessToken();
        if (unclear) {
          await sleep(beforeLooking);
          if (await tookEffect()) return;
        }
        try {
          await this.#send(attempt, request, "admin API");
        } catch (error) {
          if (error instanceof TemporaryFailure) unclear = error.effect === "unknown" ? error : unclear;
          // The first attempt may have worked. Then the repetition is refused: 409 because the object now exists,
          // 404 because it is gone.
          else if ((unclear || hasMeaning(error, "absent")) && (await tookEffect())) return;
          throw error;
        }
      });
    } catch (error) {
      if (!unclear || !(error instanceof TemporaryFailure)) throw error;
      throw unclear.givenUp(Date.now() - start).unclear();
    }
  }

  /**
   * Asks one of the realm's own endpoints (token, introspection, keys) rather than the admin API.
   * @param bearer a token that the request carries
   */
  ask(attempt: string, url: string, form?: Form, bearer?: string): Promise<Answer> {
    if (url.startsWith(`${this.server}/`)) {
      const request = () => this.#askOnce(url, this.#requestOptions, form, bearer);
      return this.#retry.run(() => this.#send(attempt, request, "realm"));
    }
    return this.#askElsewhere(attempt, url, () => this.#askOnce(url, this.#optionsElsewhere, form, bearer));
  }

  /** Ends the sessions that the logins have opened. Never throws: one that stays ends by itself. */
  async logOut(): Promise<void> {
    await this.#login?.catch(() => undefined);
    const { server, adminRealm } = this.connection;
    const logout = `${server}/realms/${encodeURIComponent(adminRealm)}/protocol/openid-connect/logout`;
    const ended = this.#opened.map(async (refresh_token) => {
      const form = { ...(await clientAuthentication(this.connection)), refresh_token };
      return this.#askOnce(logout, this.#requestOptions, form);
    });
    await Promise.allSettled(ended);
  }

  async #askOnce(url: string, options: RequestInit, form?: Form, bearer?: string): Promise<Answer> {
    const response = await fetch(url, {
      ...options,
      signal: AbortSignal.timeout(this.connection.timeout),
      ...(form && { method: "POST", body: new URLSearchParams(form) }),
      ...(bearer && { headers: { ...options.headers, authorization: `Bearer ${bearer}` } }),
    });
    const text = await response.text();
    const body: unknown = parsed(text);
    if (temporaryStatus.has(response.status) || isRedirect(response.status)) {
      throw new NetworkError("", { response, responseData: body ?? text });
    }
    if (response.ok && body === undefined && text !== "") throw new SyntaxError("no JSON");
    return {
      status: response.status,
      body: typeof body === "object" && body !== null ? { ...body } : {},
    };
  }

  /** At another address than this server's own, where a failure says nothing about this server. */
  async #askElsewhere(attempt: string, url: string, request: () => Promise<Answer>): Promise<Answer> {
    try {
      return await pRetry(request, {
        retries: 2,
        minTimeout: pause.first,
        randomize: true,
        shouldRetry: ({ error }) => !(error instanceof NetworkError && isRedirect(error.response.status)),
      });
    } catch (error) {
      const why =
        error instanceof NetworkError ? `it answered ${error.response.status}` : networkCause(error).words;
      throw new Failure(`${attempt} failed: ${new URL(url).origin} cannot be reached (${why}).`);
    }
  }

  async #accessToken(): Promise<string> {
    if (this.#token && this.#token.expires > Date.now()) return this.#token.value;
    this.#login ??= this.#logIn().then(
      (token) => {
        this.#login = undefined;
        return token;
      },
      (error) => {
        // A refused login stays: the same credentials again would only count as another failed login.
        if (!hasMeaning(error, "login refused")) this.#login = undefined;
        throw error;
      },
    );
    return this.#login;
  }

  async #logIn(): Promise<string> {
    const { server, adminRealm, username, password, accessToken, timeout } = this.connection;
    const risk = riskOf(this.connection);
    if (risk) await this.warn(risk);
    if (accessToken) {
      this.#token = { value: accessToken, expires: Number.POSITIVE_INFINITY };
      return accessToken;
    }
    const url = `${server}/realms/${encodeURIComponent(adminRealm)}/protocol/openid-connect/token`;
    const grant: Record<string, string> = username
      ? { grant_type: "password", username, password: password ?? "" }
      : { grant_type: "client_credentials" };
    const request = async (): Promise<Tokens> => {
      const signal = AbortSignal.timeout(timeout);
      const body = new URLSearchParams({ ...(await clientAuthentication(this.connection)), ...grant });
      const response = await fetchWithError(url, { ...this.#requestOptions, method: "POST", body, signal });
      return (await response.json()) as Tokens;
    };
    const attempt = `Logging in as ${nameOf(this.connection)} in realm '${adminRealm}'`;
    const { access_token: value, refresh_token } = await this.#send(attempt, request, "login");
    // Service accounts get none, and have no session.
    if (refresh_token) this.#opened.push(refresh_token);
    this.#token = { value, expires: expiryOf(value) };
    return value;
  }

  /** Sends one request. @throws Failure that explains what went wrong. */
  async #send<T>(attempt: string, request: () => Promise<T>, to: SentRequest["to"]): Promise<T> {
    const token = this.#token;
    try {
      // A login must not queue: requests that have their turn may be waiting for it.
      const result = await (to === "login" ? request() : this.#limit(request));
      // The admin client returns an answer that is not JSON as a string.
      if (typeof result === "string" && result !== "") throw new SyntaxError("no JSON");
      this.#retry.answered();
      return result;
    } catch (error) {
      const { connection } = this;
      const { hasAnswered } = this.#retry;
      const failure = failureOf(error, { attempt, connection, to, hasAnswered });
      if (failure.status === 401 && this.#token === token) this.#token = undefined;
      if (failure instanceof TemporaryFailure) this.#retry.failed();
      else if (failure.status !== undefined) this.#retry.answered();
      throw failure;
    }
  }
}

/** What the token endpoint answers. */
interface Tokens {
  readonly access_token: string;
  readonly refresh_token?: string;
}

/** Only if the certificates need it: loading undici takes a tenth of a second. */
function ownDispatcher(
  { rootCaCertificate: ca, tlsInsecureSkipVerify, tlsClientCertificate, tlsClientPrivateKey }: Connection,
  { showsCertificate }: { showsCertificate: boolean },
): object {
  const cert = showsCertificate ? tlsClientCertificate : undefined;
  if (ca === undefined && cert === undefined && !tlsInsecureSkipVerify) return {};
  const { Agent, EnvHttpProxyAgent } = createRequire(import.meta.url)("undici") as typeof import("undici");
  const shown = cert !== undefined && { cert, key: tlsClientPrivateKey };
  const tls = { ca, rejectUnauthorized: !tlsInsecureSkipVerify, ...shown };
  // As Node's own fetch does: with this, it goes through HTTP_PROXY and HTTPS_PROXY.
  const isProxied = process.env.NODE_USE_ENV_PROXY === "1";
  const dispatcher = isProxied
    ? new EnvHttpProxyAgent({ connect: tls, requestTls: tls })
    : new Agent({ connect: tls });
  return { dispatcher };
}

/** When to stop using a new token, in milliseconds since 1970: a little before it expires. */
function expiryOf(token: string): number {
  const { exp, iat } = claimsOf(token);
  // Counted from now by its lifespan, because the server's clock may differ. An opaque token does not show it.
  const lifespan = typeof exp === "number" && typeof iat === "number" ? (exp - iat) * 1000 : 40_000;
  return Date.now() + lifespan - Math.min(10_000, lifespan / 5);
}
