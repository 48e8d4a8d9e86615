// The admin session: logs in once a process and only when needed, rides out what passes by itself, and looks before it
// writes again. All requests to Keycloak go through here.
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import KeycloakAdminClient, { NetworkError } from "@keycloak/keycloak-admin-client";
import { getToken } from "@keycloak/keycloak-admin-client/lib/utils/auth.js";
import pLimit, { type LimitFunction } from "p-limit";
import pRetry from "p-retry";
import type { Connection } from "./connection.ts";
import { KeycloakError } from "./errors.ts";
import {
  failureOf,
  GoneError,
  isLogin,
  networkCause,
  PassingError,
  passingStatus,
  UnclearError,
} from "./failures.ts";
import { RealmSession } from "./realm-session.ts";
import { warn } from "./warnings.ts";

/**
 * How long passing failures are ridden out, in `clientTimeout`s: by default a minute, which a restart takes, for a
 * Keycloak that has answered in this run, and 5 s for an address that never did, because that is likely wrong.
 */
const patience = { answeredBefore: 4, neverAnswered: 1 / 3 };
/** Milliseconds between two attempts: at first, and at most, in `clientTimeout`s. */
const pause = { first: 200, longest: 1 / 3 };
/** Milliseconds that an unclear write gets to take effect before somebody looks. */
const beforeLooking = 500;
/** Milliseconds after which waiting is worth a word. */
const longWait = 3000;
/** Logins in a row that the server may refuse to know of: one is a session that ended, more are no accident. */
const anewAtMost = 2;

/** A form endpoint's answer, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export class KeycloakSession {
  readonly connection: Connection;
  readonly admin: KeycloakAdminClient;
  readonly #requestOptions: RequestInit;
  readonly #limit: LimitFunction;
  #token: { value: string; expires: number } | undefined;
  #login: Promise<string> | undefined;
  /** Keycloak itself has spoken, so the address is right. */
  #hasAnswered = false;
  /** When the failures began that nothing has come through since: so one outage is waited out once. */
  #failingSince: number | undefined;
  #gaveUp: { readonly error: PassingError; readonly at: number } | undefined;
  #version: Promise<string | undefined> | undefined;
  readonly #realms = new Map<string, RealmSession>();

  constructor(connection: Connection) {
    this.connection = connection;
    const dispatcher = ownDispatcher(connection);
    // A redirect could carry credentials to another host, so none is followed.
    this.#requestOptions = { redirect: "manual", ...(dispatcher && { dispatcher }) } as RequestInit;
    this.#limit = pLimit(connection.maxConcurrentRequests);
    this.admin = this.#adminClient();
    this.admin.registerTokenProvider({ getAccessToken: () => this.#accessToken() });
  }

  get server(): string {
    return this.connection.server;
  }

  realm(name: string): RealmSession {
    let realm = this.#realms.get(name);
    if (!realm) {
      realm = new RealmSession(this, name);
      this.#realms.set(name, realm);
    }
    return realm;
  }

  /** The server's release, where it tells this admin. */
  version(): Promise<string | undefined> {
    // Never worth waiting for, so it is asked once.
    this.#version ??= this.admin.serverInfo.find().then(
      ({ systemInfo }) => systemInfo?.version,
      () => undefined,
    );
    return this.#version;
  }

  /** Reads, asking again after a passing failure; `attempt` completes "…: failed" in words. */
  read<T>(attempt: string, request: () => Promise<T>): Promise<T> {
    return this.#patiently(async () => {
      await this.#accessToken();
      return this.#named(attempt, request);
    });
  }

  /**
   * Writes. What was refused before it could take effect is written again; where that is not clear (no answer, or a
   * proxy's), `tookEffect` looks first.
   */
  async write(
    attempt: string,
    request: () => Promise<unknown>,
    tookEffect: () => Promise<boolean>,
  ): Promise<void> {
    const start = Date.now();
    let unclear: PassingError | undefined;
    try {
      await this.#patiently(async () => {
        await this.#accessToken();
        if (unclear) {
          await sleep(beforeLooking);
          if (await tookEffect()) return;
        }
        try {
          await this.#named(attempt, request);
        } catch (error) {
          if (error instanceof PassingError) unclear = error.effect === "unknown" ? error : unclear;
          // It may be the repetition that is refused: 409 for what is there by now, 404 for what is gone.
          else if ((unclear || error instanceof GoneError) && (await tookEffect())) return;
          throw error;
        }
      });
    } catch (error) {
      if (!unclear || !(error instanceof PassingError)) throw error;
      throw new UnclearError(unclear.after(start));
    }
  }

  /** Asks one of the realm's own endpoints (token, introspection, keys) rather than the admin API. */
  ask(attempt: string, url: string, form?: Record<string, string>): Promise<Answer> {
    const request = () => this.#askOnce(url, form);
    return url.startsWith(`${this.server}/`)
      ? this.#patiently(() => this.#named(attempt, request))
      : this.#askElsewhere(attempt, url, request);
  }

  async #askOnce(url: string, form: Record<string, string> | undefined): Promise<Answer> {
    const response = await fetch(url, {
      ...this.#requestOptions,
      signal: AbortSignal.timeout(this.connection.timeout),
      ...(form && { method: "POST", body: new URLSearchParams(form) }),
    });
    const text = await response.text();
    const body: unknown = parsed(text);
    if (passingStatus.has(response.status)) {
      throw new NetworkError("", { response, responseData: body ?? text });
    }
    if (response.ok && body === undefined && text !== "") throw new SyntaxError("no JSON");
    return {
      status: response.status,
      body: typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {},
    };
  }

  /** Under another address than this server's own: failing there tells nothing of this server. */
  async #askElsewhere(attempt: string, url: string, request: () => Promise<Answer>): Promise<Answer> {
    try {
      return await pRetry(request, { retries: 2, minTimeout: pause.first, randomize: true });
    } catch (error) {
      const why =
        error instanceof NetworkError ? `it answered ${error.response.status}` : networkCause(error);
      throw new KeycloakError(`${attempt} failed: ${new URL(url).origin} cannot be reached (${why}).`);
    }
  }

  /** Repeats what fails in passing, with growing and jittered pauses, as long as patience lasts. */
  async #patiently<T>(action: () => Promise<T>): Promise<T> {
    const start = Date.now();
    // Waited for already, a moment ago: not by every resource anew.
    if (this.#gaveUp && start - this.#gaveUp.at < this.connection.timeout) throw this.#gaveUp.error;
    let unauthorised = 0;
    const deadline = () =>
      Math.min(start, this.#failingSince ?? start) +
      this.connection.timeout * (this.#hasAnswered ? patience.answeredBefore : patience.neverAnswered);
    try {
      return await pRetry(action, {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: pause.first,
        maxTimeout: Math.max(pause.first, this.connection.timeout * pause.longest),
        randomize: true,
        shouldRetry: async ({ error, attemptNumber, retryDelay }) => {
          if (!(error instanceof PassingError)) return false;
          if (error.status === 401 && ++unauthorised > anewAtMost) return false;
          const wait = error.wait ?? 0;
          // One silent connection may be an accident, also where it is the first.
          const isAccident = attemptNumber === 1 && !this.#hasAnswered && wait === 0;
          if (!isAccident && Date.now() + Math.max(wait, retryDelay) > deadline()) return false;
          if (wait > longWait || Date.now() - start > longWait) await this.#sayWaiting(error);
          await sleep(wait);
          return true;
        },
      });
    } catch (error) {
      if (!(error instanceof PassingError)) throw error;
      const failure = error.after(start);
      // Nothing has come through for as long as patience lasts, whatever was asked for.
      const isOutage = this.#failingSince !== undefined && (error.status ?? 502) >= 502;
      if (isOutage) this.#gaveUp = { error: failure, at: Date.now() };
      throw failure;
    }
  }

  #sayWaiting({ why }: PassingError): Promise<void> {
    const seconds = Math.round((this.connection.timeout * patience.answeredBefore) / 1000);
    return warn(`Keycloak at ${this.server} ${why}: trying again for up to ${seconds} s.`);
  }

  #adminClient(): KeycloakAdminClient {
    const { server, adminRealm, timeout } = this.connection;
    return new KeycloakAdminClient({
      baseUrl: server,
      realmName: adminRealm,
      timeout,
      requestOptions: this.#requestOptions,
    });
  }

  async #accessToken(): Promise<string> {
    if (this.#token && this.#token.expires > Date.now()) return this.#token.value;
    this.#login ??= this.#logIn().finally(() => {
      this.#login = undefined;
    });
    return this.#login;
  }

  async #logIn(): Promise<string> {
    const { server, adminRealm, clientId, clientSecret, username, password, timeout } = this.connection;
    const who = username ? `admin '${username}'` : `client '${clientId}'`;
    const attempt = `Logging in as ${who} in realm '${adminRealm}'`;
    // Not by the client's `auth`: that prints a complaint where no refresh token comes, as for service accounts.
    const { accessToken: value } = await this.#named(attempt, () =>
      getToken({
        baseUrl: server,
        realmName: adminRealm,
        credentials: {
          clientId,
          clientSecret,
          ...(username
            ? { grantType: "password" as const, username, password }
            : { grantType: "client_credentials" as const }),
        },
        requestOptions: { ...this.#requestOptions, signal: AbortSignal.timeout(timeout) },
      }),
    );
    this.#token = { value, expires: expiryOf(value) };
    return value;
  }

  /** Runs one request; a failure comes out in words. */
  async #named<T>(attempt: string, request: () => Promise<T>): Promise<T> {
    const token = this.#token;
    try {
      // A login waits for nobody: requests that have their turn may wait for it.
      const result = await (isLogin(attempt) ? request() : this.#limit(request));
      // The admin client hands on what is not JSON as a text.
      if (typeof result === "string" && result !== "") throw new SyntaxError("no JSON");
      this.#answered();
      return result;
    } catch (error) {
      const failure = failureOf(attempt, error, {
        connection: this.connection,
        hasAnswered: this.#hasAnswered,
      });
      if (failure.status === 401 && this.#token === token) this.#token = undefined;
      if (failure instanceof PassingError) this.#failingSince ??= Date.now();
      else if (failure.status !== undefined) this.#answered();
      throw failure;
    }
  }

  #answered(): void {
    this.#hasAnswered = true;
    this.#failingSince = undefined;
    this.#gaveUp = undefined;
  }
}

/** Where the certificates need it; loaded only then, since it takes a tenth of a second. */
function ownDispatcher({ rootCaCertificate, tlsInsecureSkipVerify }: Connection): object | undefined {
  if (rootCaCertificate === undefined && !tlsInsecureSkipVerify) return undefined;
  const { Agent } = createRequire(import.meta.url)("undici") as typeof import("undici");
  return new Agent({ connect: { ca: rootCaCertificate, rejectUnauthorized: !tlsInsecureSkipVerify } });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Milliseconds since 1970 at which to stop using a token that has just come: a little before it expires. */
function expiryOf(token: string): number {
  const claims = parsed(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const { exp, iat } = (claims ?? {}) as { exp?: unknown; iat?: unknown };
  // By its lifespan, since the server's clock is not ours; an opaque token tells nothing.
  const lifespan = typeof exp === "number" && typeof iat === "number" ? (exp - iat) * 1000 : 40_000;
  return Date.now() + lifespan - Math.min(10_000, lifespan / 5);
}
