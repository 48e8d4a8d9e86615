// One realm: what this project reads there, and how it writes.
import type KeycloakAdminClient from "@keycloak/keycloak-admin-client";
import { Failure, hasMeaning } from "../failure.ts";
import { similar } from "../similar-names.ts";
import { nameOf } from "./connection.ts";
import type { KeycloakSession } from "./session.ts";

export type ClientRepresentation = Awaited<ReturnType<KeycloakAdminClient["clients"]["find"]>>[number];
export type UserRepresentation = Awaited<ReturnType<KeycloakAdminClient["users"]["find"]>>[number];
export type RoleRepresentation = Awaited<ReturnType<KeycloakAdminClient["roles"]["find"]>>[number];
export type CredentialRepresentation = Awaited<
  ReturnType<KeycloakAdminClient["users"]["getCredentials"]>
>[number];
export type RealmRepresentation = NonNullable<Awaited<ReturnType<KeycloakAdminClient["realms"]["findOne"]>>>;
/** A user that was found. */
export type User = UserRepresentation & { readonly id: string; readonly username: string };
export type UserProfile = Awaited<ReturnType<KeycloakAdminClient["users"]["getProfile"]>>;

export interface FailedLogins {
  /** Since the last login that succeeded, or since somebody cleared the count. */
  readonly count: number;
  /** When the last one was, in milliseconds since 1970 by Keycloak's clock; 0 if there was none. */
  readonly last: number;
  readonly isLocked: boolean;
}

/** What an answer is about, and what a write changes. A kind names what only it reads `own …`. */
export type Subject =
  | "realm"
  | "client"
  | "user"
  | "credentials"
  | "role mappings"
  | "realm role"
  | `own ${string}`;

interface Remembered {
  readonly subject: Subject;
  /** When it was asked for, in milliseconds since 1970. */
  readonly at: number;
  readonly answer: Promise<unknown>;
}

/** No user has this id: Keycloak makes random ones. */
const idOfNobody = "00000000-0000-0000-0000-000000000000";
/** Milliseconds after which an answer that `check` got is too old for `ensure`. */
const old = 5000;

/**
 * One realm of a server. Answers are kept for the life of the process. A write drops the answers that it changes.
 * Whoever is about to change or remove something calls `forget` first, so that no decision rests on an old answer.
 */
export class Realm {
  readonly session: KeycloakSession;
  readonly name: string;
  readonly #answers = new Map<string, Remembered>();
  readonly #askedAhead = new Set<string>();
  /** What the admin was found to see all of. Rights do not change while a command runs. */
  readonly #sees = new Set<string>();

  constructor(session: KeycloakSession, name: string) {
    this.session = session;
    this.name = name;
  }

  get admin(): KeycloakAdminClient {
    return this.session.admin;
  }

  get server(): string {
    return this.session.server;
  }

  /** Warns the operator. */
  warn(text: string): Promise<void> {
    return this.session.warn(text);
  }

  /** Tells the operator what is no reason to worry. */
  note(text: string): Promise<void> {
    return this.session.warn(text, "info");
  }

  /** Drops every answer. */
  forget(): void {
    this.#answers.clear();
  }

  /** Drops the answers that are more than a few seconds old. */
  forgetOld(): void {
    this.#forget(({ at }) => Date.now() - at > old);
  }

  #forget(isMeant: (answer: Remembered) => boolean): void {
    for (const [key, answer] of this.#answers) if (isMeant(answer)) this.#answers.delete(key);
  }

  /**
   * @param changes what the write may change, Keycloak's own cascades included
   * @param tookEffect checks whether the write is done; called only if no answer, or a refusal, leaves that open
   */
  async write(
    attempt: string,
    changes: readonly Subject[],
    request: () => Promise<unknown>,
    tookEffect: () => Promise<boolean>,
  ): Promise<void> {
    const look = () => {
      this.forget();
      return tookEffect();
    };
    try {
      await this.session.write(this.#inRealm(attempt), request, look);
      this.#forget(({ subject }) => changes.includes(subject));
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  /** For a change that is not even tried, because Keycloak says that this admin may only read. */
  mayOnlyRead(what: string): Failure {
    return new Failure(
      `${this.#admin} may read, but not change ${what} in realm '${this.name}' at ${this.server}: give it the client roles 'manage-users', 'manage-clients' and 'manage-realm' for realm '${this.name}', or the realm role 'admin'.`,
      { status: 403 },
    );
  }

  /**
   * The client with this clientId.
   * @throws Failure naming similar clients.
   */
  client(clientId: string): Promise<ClientRepresentation & { id: string }> {
    return this.#once("client", clientId, async () => {
      const attempt = `Reading client '${clientId}'`;
      const found = await this.#read(attempt, () => this.admin.clients.find({ realm: this.name, clientId }));
      const exact = found.find((candidate) => candidate.clientId === clientId);
      if (!exact?.id) throw await this.#clientMissing(clientId);
      return { ...exact, id: exact.id, ...(await this.#secretOf(exact, exact.id)) };
    });
  }

  /**
   * All clients of the realm.
   * @throws Failure that names the right if this admin may not see all of them.
   */
  clients(): Promise<ClientRepresentation[]> {
    return this.#once("client", "all", async () => {
      await this.mustSeeAllClients();
      return this.#read("Listing the clients", () => this.admin.clients.find({ realm: this.name }));
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
   * The same client, if customers can get a token with it.
   * @throws Failure if it is bearer-only.
   */
  async usableClient(clientId: string): Promise<ClientRepresentation & { id: string }> {
    this.#ahead("user profile", () => this.userProfile());
    const client = await this.client(clientId);
    if (client.bearerOnly) {
      throw new Failure(
        `Client '${clientId}' in realm '${this.name}' is bearer-only, so nobody can log in with it and customers get no token: switch 'Bearer only' off, or name another client.`,
        { shared: true },
      );
    }
    return client;
  }

  user(username: string): Promise<User | undefined> {
    return this.#once("user", username, async () => {
      const found = await this.#read(`Reading user '${username}'`, () =>
        this.admin.users.find({ realm: this.name, username, exact: true }),
      );
      // Keycloak stores usernames in lower case.
      const isNamed = (candidate: UserRepresentation) =>
        candidate.username?.toLowerCase() === username.toLowerCase();
      const exact = found.find(isNamed) ?? (await this.#calledByEmail(found));
      if (!exact?.id) {
        this.#ahead("of a new user", () => Promise.all([this.settings(), this.asksNewUsersForOtp()]));
        await this.mustSeeAllUsers();
        return undefined;
      }
      const user = {
        ...exact,
        id: exact.id,
        username: isNamed(exact) && exact.username ? exact.username : username,
      };
      this.#ahead(`of user ${user.id}`, () =>
        Promise.all([this.credentials(user), this.realmRoleMappings(user)]),
      );
      return user;
    });
  }

  /**
   * Where the realm takes the email address as username, Keycloak 26 finds a user from before that by its own name, but
   * calls it by its address.
   */
  async #calledByEmail(found: readonly UserRepresentation[]): Promise<UserRepresentation | undefined> {
    const [only, ...others] = found;
    if (!only || others.length > 0 || only.username !== only.email) return undefined;
    return (await this.settings()).registrationEmailAsUsername ? only : undefined;
  }

  /** As it is now, under whatever name. While it is locked, Keycloak up to 26.2 calls it disabled here. */
  async userById(id: string): Promise<User | undefined> {
    const found = await this.find("user", `id ${id}`, `Reading the user with id ${id}`, () =>
      this.admin.users.findOne({ realm: this.name, id }),
    );
    return found?.id && found.username ? { ...found, id: found.id, username: found.username } : undefined;
  }

  /** Users with this email address; Keycloak keeps it in lower case. */
  async usersWithEmail(email: string): Promise<User[]> {
    const found = await this.#once("user", `email ${email}`, () =>
      this.#read("Reading who has an email address", () =>
        this.admin.users.find({ realm: this.name, email, exact: true }),
      ),
    );
    return found.flatMap((user) =>
      user.id && user.username && user.email?.toLowerCase() === email.toLowerCase()
        ? [{ ...user, id: user.id, username: user.username }]
        : [],
    );
  }

  /**
   * Keycloak leaves users that this admin may not see out of every list, so a missing one may well be there. Its
   * answer about an id that nobody has tells: it takes the right to see all.
   * @throws Failure that names the right.
   */
  async mustSeeAllUsers(): Promise<void> {
    await this.#mustSee("users", "view-users", "manage-users", () =>
      this.admin.attackDetection.findOne({ realm: this.name, id: idOfNobody }),
    );
  }

  /** The same about clients. */
  async mustSeeAllClients(): Promise<void> {
    await this.#mustSee("clients", "view-clients", "manage-clients", () =>
      this.admin.realms.getClientsInitialAccess({ realm: this.name }),
    );
  }

  async #mustSee(
    what: string,
    toSee: string,
    toChange: string,
    request: () => Promise<unknown>,
  ): Promise<void> {
    if (this.#sees.has(what)) return;
    const mayNotSee = this.#mayNotSee(`all ${what}`, "whether one is missing", toSee, toChange);
    await this.#readUnless(mayNotSee, `Reading whether all ${what} can be seen`, request);
    if (await this.#seesByPermission([toSee, toChange])) throw mayNotSee;
    this.#sees.add(what);
  }

  /**
   * Fine-grained permissions (Keycloak 26.2 and newer) may let an admin of the realm itself see all but some; these
   * rights hide nothing. A lightweight token does not tell which rights the admin has.
   */
  async #seesByPermission(rights: readonly string[]): Promise<boolean> {
    if (this.session.connection.adminRealm !== this.name) return false;
    const has = this.session.rolesOfClient("realm-management");
    if (!has || rights.some((right) => has.includes(right))) return false;
    return (await this.settings()).adminPermissionsEnabled === true;
  }

  #mayNotSee(what: string, unknown: string, toSee: string, toChange: string): Failure {
    return new Failure(
      `${this.#admin} may not see ${what} of realm '${this.name}' at ${this.server}, so it cannot be told ${unknown}: give it the client role '${toSee}' for realm '${this.name}' or, to change anything, '${toChange}'.`,
      { status: 403, shared: true },
    );
  }

  get #admin(): string {
    const { connection } = this.session;
    return `${nameOf(connection)} of realm '${connection.adminRealm}'`;
  }

  credentials(user: Pick<User, "id" | "username">): Promise<CredentialRepresentation[]> {
    return this.#once("credentials", user.id, () =>
      this.#read(`Reading the credentials of user '${user.username}'`, () =>
        this.admin.users.getCredentials({ realm: this.name, id: user.id }),
      ),
    );
  }

  realmRoleMappings(user: Pick<User, "id" | "username">): Promise<RoleRepresentation[]> {
    return this.#once("role mappings", user.id, () =>
      this.#read(`Reading the role mappings of user '${user.username}'`, () =>
        this.admin.users.listRealmRoleMappings({ realm: this.name, id: user.id }),
      ),
    );
  }

  async realmRole(name: string): Promise<(RoleRepresentation & { id: string; name: string }) | undefined> {
    const role = await this.find("realm role", name, `Reading realm role '${name}'`, () =>
      this.admin.roles.findOneByName({ realm: this.name, name }),
    );
    return role?.id && role.name ? { ...role, id: role.id, name: role.name } : undefined;
  }

  /** As it is now, under whatever name. */
  async realmRoleById(id: string): Promise<(RoleRepresentation & { id: string; name: string }) | undefined> {
    const role = await this.find("realm role", `id ${id}`, `Reading the realm role with id ${id}`, () =>
      this.admin.roles.findOneById({ realm: this.name, id }),
    );
    return role?.id && role.name ? { ...role, id: role.id, name: role.name } : undefined;
  }

  async realmRoleNames(): Promise<string[]> {
    const roles = await this.#read("Listing the realm roles", () =>
      this.admin.roles.find({ realm: this.name }),
    );
    return roles.flatMap(({ name }) => name ?? []);
  }

  /** Clients, client scopes, groups, roles and identity providers in one answer; no users, and no secrets. */
  export(): Promise<RealmRepresentation> {
    return this.#read("Reading who uses a role (partial export)", () =>
      this.admin.realms.export({ realm: this.name, exportClients: true, exportGroupsAndRoles: true }),
    );
  }

  /**
   * Whatever else a kind reads. The answer is kept until it is forgotten; undefined if Keycloak says that it is not
   * there.
   * @param request must return Keycloak's answer as it is: a proxy's page is recognised by it
   */
  find<T>(
    subject: Subject,
    name: string,
    attempt: string,
    request: () => Promise<T>,
  ): Promise<T | undefined> {
    return this.#once(subject, name, () => this.#readIfThere(attempt, request));
  }

  /** Users that have the realm role directly; `max` of them at most. */
  async usersWithRole(name: string, max: number): Promise<UserRepresentation[]> {
    await this.mustSeeAllUsers();
    return this.#read(`Reading who has realm role '${name}'`, () =>
      this.admin.roles.findUsersWithRole({ realm: this.name, name, max }),
    );
  }

  /** The realm's user profile; undefined on releases that have none (before Keycloak 24 unless switched on). */
  userProfile(): Promise<UserProfile | undefined> {
    return this.find(
      "realm",
      "user profile",
      "Reading the user profile",
      // Keycloak 18 serves an empty answer.
      async () => (await this.admin.users.getProfile({ realm: this.name })) || undefined,
    );
  }

  /**
   * The realm's own settings. Keycloak shows some of them to everybody who may see anything in the realm.
   * @throws Failure that names the right to see all of them.
   */
  settings(): Promise<RealmRepresentation> {
    return this.#once("realm", "settings", async () => {
      const unknown = "whether a failed login locks users, or an email address renames them";
      const mayNotSee = this.#mayNotSee("the settings", unknown, "view-realm", "manage-realm");
      // Old releases (Keycloak 19) refuse the question.
      const settings = await this.#readUnless(mayNotSee, "Reading the realm's settings", () =>
        this.admin.realms.findOne({ realm: this.name }),
      );
      if (settings?.id) return settings;
      throw mayNotSee;
    });
  }

  /** Is every new user asked to set up OTP at the first login? */
  async asksNewUsersForOtp(): Promise<boolean> {
    const alias = "CONFIGURE_TOTP";
    const action = await this.find("realm", `action ${alias}`, `Reading required action ${alias}`, () =>
      this.admin.authenticationManagement.getRequiredActionForAlias({ realm: this.name, alias }),
    );
    return action?.enabled === true && action.defaultAction === true;
  }

  /** What brute-force detection has counted. Never remembered: a lock ends by itself. */
  async failedLogins(user: Pick<User, "id" | "username">): Promise<FailedLogins> {
    const state = (await this.#read(`Reading whether user '${user.username}' is locked`, () =>
      this.admin.attackDetection.findOne({ realm: this.name, id: user.id }),
    )) as { disabled?: boolean; numFailures?: number; lastFailure?: number } | undefined;
    const { numFailures: count = 0, lastFailure = 0, disabled: isLocked = false } = state ?? {};
    return { count, last: count > 0 ? lastFailure : 0, isLocked };
  }

  /** The realm's address, as its tokens name it unless its hostname is set otherwise. */
  get address(): string {
    return `${this.server}/realms/${encodeURIComponent(this.name)}`;
  }

  /**
   * The engine asks for one resource after the other, so the first one reads ahead what the next ones need. If that
   * fails, they report it.
   */
  #ahead(key: string, read: () => Promise<unknown>): void {
    if (this.#askedAhead.has(key)) return;
    this.#askedAhead.add(key);
    read().catch(() => undefined);
  }

  #once<T>(subject: Subject, name: string, read: () => Promise<T>): Promise<T> {
    const key = JSON.stringify([subject, name]);
    const known = this.#answers.get(key);
    if (known) return known.answer as Promise<T>;
    const answer = read();
    this.#answers.set(key, { subject, at: Date.now(), answer });
    return answer;
  }

  #inRealm(attempt: string): string {
    return `${attempt} in realm '${this.name}'`;
  }

  async #read<T>(attempt: string, request: () => Promise<T>): Promise<T> {
    try {
      return await this.session.read(this.#inRealm(attempt), request);
    } catch (error) {
      throw hasMeaning(error, "nothing there") ? await this.#realmMissing() : error;
    }
  }

  /** @throws the failure that is given, if Keycloak forbids it */
  async #readUnless<T>(forbidden: Failure, attempt: string, request: () => Promise<T>): Promise<T> {
    try {
      return await this.#read(attempt, request);
    } catch (error) {
      throw error instanceof Failure && error.status === 403 ? forbidden : error;
    }
  }

  async #readIfThere<T>(attempt: string, request: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#read(attempt, request);
    } catch (error) {
      if (hasMeaning(error, "absent")) return undefined;
      throw error;
    }
  }

  async #realmMissing(): Promise<Failure> {
    const others = await this.session
      .read("Listing the realms", () => this.admin.realms.find({ briefRepresentation: true }))
      .then((realms) => realms.flatMap((realm) => realm.realm ?? []))
      .catch(() => []);
    return this.#missing(
      `Realm '${this.name}' is not on Keycloak at ${this.server}.${similar("Realms", this.name, others)} CX ships its realms as an import: import it first, or correct the name. If this very program creates it, hand over the realm resource's output instead of its name, or that resource as 'dependsOn'.`,
    );
  }

  #missing(message: string): Failure {
    return new Failure(message, { meaning: "nothing there", status: 404, shared: true });
  }

  async #clientMissing(clientId: string): Promise<Failure> {
    const others = await this.clients();
    const names = others.flatMap((client) => client.clientId ?? []);
    return this.#missing(
      `Client '${clientId}' is not in realm '${this.name}' at ${this.server}.${similar("Clients", clientId, names)} Correct the name, or create the client first; if this very program creates it, hand over the client resource's output instead of its name, or that resource as 'dependsOn'.`,
    );
  }
}
