// The admin session: logs in once a process and only when needed, rides out what passes by itself, looks before
// it writes again, and names every failure. All requests to Keycloak go through here.
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import KeycloakAdminClient, { NetworkError } from "@keycloak/keycloak-admin-client";
import { getToken } from "@keycloak/keycloak-admin-client/lib/utils/auth.js";
import pLimit, { type LimitFunction } from "p-limit";
import pRetry from "p-retry";
import type { Connection } from "./connection.ts";
import { KeycloakError } from "./errors.ts";
import { near } from "./near.ts";
import { warn } from "./warnings.ts";

export type ClientRepresentation = Awaited<ReturnType<KeycloakAdminClient["clients"]["find"]>>[number];
export type UserRepresentation = Awaited<ReturnType<KeycloakAdminClient["users"]["find"]>>[number];
export type RoleRepresentation = Awaited<ReturnType<KeycloakAdminClient["roles"]["find"]>>[number];
export type CredentialRepresentation = Awaited<
  ReturnType<KeycloakAdminClient["users"]["getCredentials"]>
>[number];
export type RealmRepresentation = NonNullable<Awaited<ReturnType<KeycloakAdminClient["realms"]["findOne"]>>>;
export type UserProfile = Awaited<ReturnType<KeycloakAdminClient["users"]["getProfile"]>>;

/** Answers worth asking again for: the server, or a proxy before it, is busy, starting or stumbling. */
const passingStatus = new Set([429, 500, 502, 503, 504]);

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
        shouldRetry: async ({ error, retryDelay }) => {
          if (!(error instanceof PassingError)) return false;
          if (error.status === 401 && ++unauthorised > anewAtMost) return false;
          const wait = error.wait ?? 0;
          if (Date.now() + Math.max(wait, retryDelay) > deadline()) return false;
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
      const failure = this.#failure(attempt, error);
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

  #failure(attempt: string, error: unknown): KeycloakError {
    if (error instanceof KeycloakError) return error;
    if (error instanceof NetworkError) return this.#refused(attempt, error);
    return this.#unreachable(attempt, error);
  }

  #refused(attempt: string, error: NetworkError): KeycloakError {
    const { status } = error.response;
    const { server, namespace } = this.connection;
    const said = answerInWords(error.responseData);
    const at = `${attempt} at ${server}`;
    if (status >= 300 && status < 400) {
      const to = redirectTarget(error.response);
      return new KeycloakError(
        `${at} failed: the server redirects (${status}${to}), and credentials are not sent on to another address; set ${namespace}:url to the address that answers itself.`,
        { status, shared: true },
      );
    }
    // A proxy that has lost its way to Keycloak says so with a page of its own.
    const lost = status === 404 && isPage(error.response) && this.#hasAnswered;
    if (passingStatus.has(status) || lost) return this.#busy(at, error.response, said);
    if (status === 404 && said === undefined) {
      return new KeycloakError(
        `${at} failed: there is no Keycloak under this address (404 without Keycloak's own answer); check ${namespace}:url and ${namespace}:basePath (CX serves Keycloak under /auth).`,
        { status, shared: true },
      );
    }
    if (isPage(error.response)) {
      return new KeycloakError(
        `${at} failed: something before Keycloak (a proxy, a firewall) answered ${status} with a page of its own; see to it that requests from here reach Keycloak itself.`,
        { status, shared: true },
      );
    }
    if (isLogin(attempt)) return this.#loginRefused(at, status, said);
    if (status === 401) {
      return new PassingError(
        `${at} failed: Keycloak does not accept the admin session that it has just opened (401); see whether requests reach always the same Keycloak under the name that it knows itself by (option 'hostname'), and compare the clocks.`,
        { status, why: "has ended the admin session", effect: "none" },
      );
    }
    if (status === 403) {
      const who = this.connection.username ?? this.connection.clientId;
      return new KeycloakError(
        `${at} failed: Keycloak answered 403 Forbidden; '${who}' of realm '${this.connection.adminRealm}' lacks the rights: give it the realm role 'admin', or for the realm in question the client roles 'manage-users', 'manage-clients' and 'manage-realm'.`,
        { status, shared: true },
      );
    }
    if (status === 404) {
      if (said === "Realm not found.") return new MissingError(`${at} failed: the realm is not there.`);
      return new GoneError(`${at} failed: Keycloak answered 404 (${said}).`, { status });
    }
    return new KeycloakError(`${at} failed: Keycloak answered ${status}${said ? ` (${said})` : ""}.`, {
      status,
    });
  }

  /** An answer that may be another one soon. */
  #busy(at: string, response: Response, said: string | undefined): PassingError {
    const { status } = response;
    const wait = retryAfter(response);
    const words = said ? ` (${said})` : isPage(response) ? " with a page that is not Keycloak's own" : "";
    const later =
      wait === undefined ? "" : `; it asks to be left alone for ${Math.ceil(wait / 1000)} s, try again then`;
    return new PassingError(`${at} failed: the answer was ${status}${words}${later}.`, {
      status,
      why: `answers ${status}`,
      // Only a rate limit is certain to stand before everything else.
      effect: status === 429 ? "none" : "unknown",
      wait,
    });
  }

  #loginRefused(at: string, status: number, said: string | undefined): KeycloakError {
    const { namespace, username, adminRealm, clientId } = this.connection;
    const advice =
      said === "Realm does not exist"
        ? `there is no realm '${adminRealm}': set ${namespace}:realm to the realm that the admin belongs to`
        : username
          ? `check ${namespace}:username and ${namespace}:password, and that client '${clientId}' of realm '${adminRealm}' allows direct grants`
          : `check ${namespace}:clientId and ${namespace}:clientSecret, and that the client has a service account`;
    return new LoginError(
      `${at} failed: Keycloak answered ${status}${said ? ` (${said})` : ""}; ${advice}.`,
      { status, shared: true },
    );
  }

  #unreachable(attempt: string, error: unknown): KeycloakError {
    const { server, namespace, timeout } = this.connection;
    if (error instanceof SyntaxError) {
      return new PassingError(
        `${attempt} failed: the answer from ${server} is not Keycloak's (no JSON); check ${namespace}:url and ${namespace}:basePath, and what stands between here and Keycloak.`,
        { why: "answers with a page that is not Keycloak's own", effect: "unknown" },
      );
    }
    if (error instanceof Error && error.name === "TimeoutError") {
      return new PassingError(
        `${attempt} failed: Keycloak at ${server} did not answer within ${timeout / 1000} s; see whether it is up, or raise ${namespace}:clientTimeout.`,
        { why: "does not answer", effect: "unknown" },
      );
    }
    const { code, words } = networkCause(error);
    const message = `${attempt} failed: Keycloak at ${server} cannot be reached (${words}); check ${namespace}:url, and that Keycloak is up and reachable from here.`;
    if (code in certificateProblems) return new KeycloakError(message, { shared: true, about: words });
    return new PassingError(message, {
      why: `cannot be reached (${words})`,
      effect: neverSent.has(code) ? "none" : "unknown",
    });
  }
}

/** Keycloak's own word that one object is not there. */
export class GoneError extends KeycloakError {}
/** Keycloak's own word that the realm or the client is not there, and so nothing in it. */
export class MissingError extends KeycloakError {
  constructor(message: string) {
    super(message, { status: 404, shared: true });
  }
}
/** Keycloak does not let this admin in. */
export class LoginError extends KeycloakError {}
/** May go away by itself. */
class PassingError extends KeycloakError {
  /** What the server does, to complete "Keycloak at … ". */
  readonly why: string;
  /** Of a write: `none` where it was certainly refused before it took effect. */
  readonly effect: "none" | "unknown";
  /** Milliseconds that the server asks to be left alone for. */
  readonly wait: number | undefined;

  constructor(
    message: string,
    options: { status?: number; why: string; effect: "none" | "unknown"; wait?: number },
  ) {
    super(message, { status: options.status, shared: true, about: options.why });
    this.why = options.why;
    this.effect = options.effect;
    this.wait = options.wait;
  }

  /** The same failure, with how long it has been going on. */
  after(start: number): PassingError {
    const seconds = Math.round((Date.now() - start) / 1000);
    if (seconds < 1 || this.status === 401 || / Tried for \d+ s\.$/.test(this.message)) return this;
    return new PassingError(`${this.message} Tried for ${seconds} s.`, this);
  }
}

/** A write that broke off, and nobody could look whether it took effect. */
export class UnclearError extends KeycloakError {
  constructor({ message, status, about }: PassingError) {
    super(`${message} Whether it took effect is not known: run the command again, it looks first.`, {
      status,
      shared: true,
      about,
    });
  }
}

/**
 * One realm of a session. What check and diff read is asked for once a process; whoever writes calls
 * `forget` first and last, so that nobody decides on what was true before.
 */
export class RealmSession {
  readonly session: KeycloakSession;
  readonly name: string;
  #answers = new Map<string, Promise<unknown>>();
  readonly #askedAhead = new Set<string>();

  constructor(session: KeycloakSession, name: string) {
    this.session = session;
    this.name = name;
  }

  get admin(): KeycloakAdminClient {
    return this.session.admin;
  }

  forget(): void {
    this.#answers.clear();
  }

  /** @param tookEffect looks whether the write is done; asked only where no answer, or a refusal, leaves that open */
  async write(
    attempt: string,
    request: () => Promise<unknown>,
    tookEffect: () => Promise<boolean>,
  ): Promise<void> {
    const look = () => {
      this.forget();
      return tookEffect();
    };
    try {
      await this.session.write(this.#inRealm(attempt), request, look);
    } finally {
      this.forget();
    }
  }

  /**
   * The client with this clientId.
   * @throws MissingError naming similar clients.
   */
  client(clientId: string): Promise<ClientRepresentation & { id: string }> {
    this.#ahead("user profile", () => this.userProfile());
    return this.#once(`client ${clientId}`, async () => {
      const attempt = `Reading client '${clientId}'`;
      const found = await this.#read(attempt, () => this.admin.clients.find({ realm: this.name, clientId }));
      const exact = found.find((candidate) => candidate.clientId === clientId);
      if (!exact?.id) throw await this.#clientMissing(clientId);
      return { ...exact, id: exact.id, ...(await this.#secretOf(exact, exact.id)) };
    });
  }

  /** Old releases (Keycloak 18) leave the secret out of the listing. */
  async #secretOf(client: ClientRepresentation, id: string): Promise<{ secret?: string }> {
    const hasOne = !client.publicClient && !client.bearerOnly;
    if (client.secret || !hasOne || client.clientAuthenticatorType !== "client-secret") return {};
    const { value } =
      (await this.#readIfThere(`Reading the secret of client '${client.clientId}'`, () =>
        this.admin.clients.getClientSecret({ realm: this.name, id }),
      )) ?? {};
    return value ? { secret: value } : {};
  }

  /**
   * The same client, where customers can get a token at it.
   * @throws KeycloakError when it is bearer-only.
   */
  async usableClient(clientId: string): Promise<ClientRepresentation & { id: string }> {
    const client = await this.client(clientId);
    if (client.bearerOnly) {
      throw new KeycloakError(
        `Client '${clientId}' in realm '${this.name}' is bearer-only: nobody can log in at it, so no token for customers can come from it; switch 'Bearer only' off or name another client.`,
        { shared: true },
      );
    }
    return client;
  }

  user(username: string): Promise<(UserRepresentation & { id: string; username: string }) | undefined> {
    return this.#once(`user ${username}`, async () => {
      const found = await this.#read(`Reading user '${username}'`, () =>
        this.admin.users.find({ realm: this.name, username, exact: true }),
      );
      // Keycloak stores usernames in lower case.
      const exact = found.find((candidate) => candidate.username?.toLowerCase() === username.toLowerCase());
      if (!exact?.id) return undefined;
      const user = { ...exact, id: exact.id, username: exact.username ?? username };
      this.#ahead(`of user ${user.id}`, () =>
        Promise.all([this.credentials(user), this.realmRoleMappings(user)]),
      );
      return user;
    });
  }

  credentials(user: { id: string; username: string }): Promise<CredentialRepresentation[]> {
    return this.#once(`credentials ${user.id}`, () =>
      this.#read(`Reading the credentials of user '${user.username}'`, () =>
        this.admin.users.getCredentials({ realm: this.name, id: user.id }),
      ),
    );
  }

  realmRoleMappings(user: { id: string; username: string }): Promise<RoleRepresentation[]> {
    return this.#once(`role mappings ${user.id}`, () =>
      this.#read(`Reading the role mappings of user '${user.username}'`, () =>
        this.admin.users.listRealmRoleMappings({ realm: this.name, id: user.id }),
      ),
    );
  }

  realmRole(name: string): Promise<(RoleRepresentation & { id: string; name: string }) | undefined> {
    return this.#once(`role ${name}`, async () => {
      const role = await this.#readIfThere(`Reading realm role '${name}'`, () =>
        this.admin.roles.findOneByName({ realm: this.name, name }),
      );
      return role?.id && role.name ? { ...role, id: role.id, name: role.name } : undefined;
    });
  }

  /** The realm's user profile; undefined on releases that have none (before Keycloak 24 unless switched on). */
  userProfile(): Promise<UserProfile | undefined> {
    return this.#once("user profile", () =>
      this.#readIfThere(
        "Reading the user profile",
        // Keycloak 18 serves an empty answer.
        async () => (await this.admin.users.getProfile({ realm: this.name })) || undefined,
      ),
    );
  }

  /** The realm's own settings, as far as this admin may see them. */
  settings(): Promise<RealmRepresentation> {
    return this.#once("settings", async () => {
      const settings = await this.#read("Reading the realm's settings", () =>
        this.admin.realms.findOne({ realm: this.name }),
      );
      return settings ?? {};
    });
  }

  /** The user's brute-force lock, if there is one. Never remembered: it ends by itself. */
  async lockOf(user: { id: string; username: string }): Promise<{ failures: number } | undefined> {
    const state = (await this.#read(`Reading whether user '${user.username}' is locked`, () =>
      this.admin.attackDetection.findOne({ realm: this.name, id: user.id }),
    )) as { disabled?: boolean; numFailures?: number } | undefined;
    return state?.disabled ? { failures: state.numFailures ?? 0 } : undefined;
  }

  /** The realm's address, as its tokens name it unless its hostname is set otherwise. */
  get address(): string {
    return `${this.session.server}/realms/${encodeURIComponent(this.name)}`;
  }

  /**
   * The engine asks for one resource after the other. What the next ones will want to know is asked for meanwhile, the
   * first time; whether it fails is for them to see.
   */
  #ahead(key: string, read: () => Promise<unknown>): void {
    if (this.#askedAhead.has(key)) return;
    this.#askedAhead.add(key);
    read().catch(() => undefined);
  }

  #once<T>(key: string, read: () => Promise<T>): Promise<T> {
    let answer = this.#answers.get(key) as Promise<T> | undefined;
    if (!answer) {
      answer = read();
      this.#answers.set(key, answer);
    }
    return answer;
  }

  #inRealm(attempt: string): string {
    return `${attempt} in realm '${this.name}'`;
  }

  async #read<T>(attempt: string, request: () => Promise<T>): Promise<T> {
    try {
      return await this.session.read(this.#inRealm(attempt), request);
    } catch (error) {
      throw error instanceof MissingError ? await this.#realmMissing() : error;
    }
  }

  async #readIfThere<T>(attempt: string, request: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#read(attempt, request);
    } catch (error) {
      if (error instanceof GoneError) return undefined;
      throw error;
    }
  }

  async #realmMissing(): Promise<KeycloakError> {
    const others = await this.session
      .read("Listing the realms", () => this.admin.realms.find({ briefRepresentation: true }))
      .then((realms) => realms.flatMap((realm) => realm.realm ?? []))
      .catch(() => []);
    return new MissingError(
      `Realm '${this.name}' is not on Keycloak at ${this.session.server}.${near("realm", this.name, others)} CX ships its realms as an import: import it first, or correct the name. If this very program creates it, hand over the realm resource's output instead of its name, or that resource as 'dependsOn'.`,
    );
  }

  async #clientMissing(clientId: string): Promise<KeycloakError> {
    const others = await this.#read("Listing the clients", () =>
      this.admin.clients.find({ realm: this.name }),
    );
    if (others.length === 0) {
      // Every realm has clients of Keycloak's own: an empty list means that we may not see them.
      return new KeycloakError(
        `Client '${clientId}' in realm '${this.name}' at ${this.session.server} cannot be read: Keycloak shows this admin no client at all; give it the client roles 'view-clients' and 'manage-clients' for that realm.`,
        { status: 403, shared: true },
      );
    }
    const names = others.flatMap((client) => client.clientId ?? []);
    return new MissingError(
      `Client '${clientId}' is not in realm '${this.name}' at ${this.session.server}.${near("client", clientId, names)} Correct the name, or create the client first; if this very program creates it, hand over the client resource's output instead of its name, or that resource as 'dependsOn'.`,
    );
  }
}

function isLogin(attempt: string): boolean {
  return attempt.startsWith("Logging in");
}

/** Where the certificates need it; loaded only then, since it takes a tenth of a second. */
function ownDispatcher({ rootCaCertificate, tlsInsecureSkipVerify }: Connection): object | undefined {
  if (rootCaCertificate === undefined && !tlsInsecureSkipVerify) return undefined;
  const { Agent } = createRequire(import.meta.url)("undici") as typeof import("undici");
  return new Agent({ connect: { ca: rootCaCertificate, rejectUnauthorized: !tlsInsecureSkipVerify } });
}

function answerInWords(data: unknown): string | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { error, error_description, errorMessage } = data as Record<string, unknown>;
  // RESTEasy's own 404 for a path that Keycloak does not serve is JSON too.
  if (typeof error === "string" && /^(RESTEASY\d|Unable to find matching target resource)/.test(error))
    return undefined;
  const words = [errorMessage, error_description, error].find((text) => typeof text === "string");
  return typeof words === "string" ? words : undefined;
}

function redirectTarget(response: Response): string {
  const location = response.headers.get("location");
  if (!location || !URL.canParse(location)) return "";
  return ` to ${new URL(location).origin}`;
}

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
/** With these there was no connection, so nothing of the request has left this machine. */
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

function networkCause(error: unknown): { code: string; words: string } {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as { code?: unknown } | undefined)?.code;
  if (typeof code === "string") return { code, words: networkProblems[code] ?? code };
  return { code: "", words: cause instanceof Error ? cause.message : String(cause) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A page for people: Keycloak's admin API and token endpoint never answer with one. */
function isPage(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/html") ?? false;
}

/** Milliseconds, from seconds or a date. */
function retryAfter(response: Response): number | undefined {
  const text = response.headers.get("retry-after");
  if (!text) return undefined;
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/** Milliseconds since 1970 at which to stop using a token that has just come: a little before it expires. */
function expiryOf(token: string): number {
  const claims = parsed(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const { exp, iat } = (claims ?? {}) as { exp?: unknown; iat?: unknown };
  // By its lifespan, since the server's clock is not ours; an opaque token tells nothing.
  const lifespan = typeof exp === "number" && typeof iat === "number" ? (exp - iat) * 1000 : 40_000;
  return Date.now() + lifespan - Math.min(10_000, lifespan / 5);
}
