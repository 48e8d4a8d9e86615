// Starting states: what a realm may look like before the first `up`. fast-check generates them, and Keycloak's own API
// builds them for real. Each has a client, user and role of its own, so that one realm serves many.
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { otpCredential, type Representation, type TestRealm } from "../../rig/keycloak/realm.ts";
import type { Declared } from "./engine.ts";
import { oddValues, type ProfileValue } from "./profile-values.ts";
import {
  allKinds,
  askNewUsersForOtp,
  demanding,
  hasProfile,
  importUser,
  ofDirectory,
  ofMail,
  person,
  plain,
  type RealmKind,
  realmOf,
  withHiddenAttributes,
} from "./realm-kinds.ts";
import { type RoleUseName, roleUseNames, roleUses } from "./role-uses.ts";

export const configured = "The configured one 1!";
const ofSomebody = "Somebody's own 2?";

/** The guide's roles that every realm has. */
const keycloakRoles = ["offline_access", "uma_authorization"];

export interface StartingState {
  readonly realm: RealmKind;
  /** Prefixes of clientId, username and role name, before a random part. */
  readonly clientPrefix: string;
  readonly userPrefix: string;
  readonly rolePrefix: string;
  readonly lightweightTokens: boolean;
  readonly mapper: {
    readonly type: "oidc-audience-mapper" | "oidc-hardcoded-claim-mapper";
    readonly config: Readonly<Record<string, string | undefined>>;
  } | null;
  /** Is there a mapper of another protocol with the name of ours? It is a different mapper. */
  readonly samlMapper: boolean;
  readonly user: UserState | null;
  /** A second factor, which a new user is asked to set up: while it is wanted, no direct grant returns a token. */
  readonly otp: boolean;
  readonly role: {
    readonly description?: string;
    readonly attributes: boolean;
    readonly uses: readonly RoleUseName[];
  } | null;
  /** Which of the three roles are mapped already, if user and role exist. */
  readonly mapped: readonly number[];
  /** What the program configures for the user's profile. */
  readonly profile: readonly ProfileValue[];
}

export interface UserState {
  readonly enabled: boolean;
  readonly emailVerified: boolean;
  readonly email: "none" | "its username" | "another";
  readonly firstName?: string;
  readonly lastName?: string;
  readonly attributes: keyof typeof attributes;
  readonly group: boolean;
  readonly otherRole: boolean;
  readonly clientRole: boolean;
  readonly federatedIdentity: boolean;
  readonly requiredActions: readonly string[];
  readonly password: "none" | "right" | "wrong" | "right, temporary" | "wrong, temporary";
  readonly label: boolean;
  /** By failed logins, where the realm counts them. */
  readonly locked: boolean;
}

const attributes = {
  none: {},
  ordinary: { phone: ["0123"], colours: ["red", "green"], site: ["south"] },
  "named like fields": { enabled: ["no"], emailVerified: ["later"], totp: ["never"] },
  "which a demanding profile no longer takes": { site: ["west"], age: ["17"] },
} satisfies Readonly<Record<string, Readonly<Record<string, string[]>>>>;

const text = fc.constantFrom("Somebody", "Zoë", "O'Neil", "李");
const flag = fc.constantFrom("true", "false", undefined);

const userState: fc.Arbitrary<UserState> = fc.record({
  enabled: fc.boolean(),
  emailVerified: fc.boolean(),
  email: fc.constantFrom("none", "its username", "another"),
  firstName: fc.option(text, { nil: undefined }),
  lastName: fc.option(text, { nil: undefined }),
  attributes: fc.constantFrom(...(Object.keys(attributes) as (keyof typeof attributes)[])),
  group: fc.boolean(),
  otherRole: fc.boolean(),
  clientRole: fc.boolean(),
  federatedIdentity: fc.boolean(),
  requiredActions: fc.subarray(["VERIFY_EMAIL", "UPDATE_PROFILE", "UPDATE_PASSWORD"]),
  password: fc.constantFrom("none", "right", "wrong", "right, temporary", "wrong, temporary"),
  label: fc.boolean(),
  locked: fc.boolean(),
});

export const someUses = fc.oneof(
  { weight: 1, arbitrary: fc.constant<RoleUseName[]>([]) },
  { weight: 1, arbitrary: fc.subarray(roleUseNames, { minLength: 1, maxLength: 3 }) },
);

export const startingState: fc.Arbitrary<StartingState> = fc.record({
  realm: fc.constantFrom(...allKinds),
  clientPrefix: fc.constantFrom("cim", "c i/m", "çim?#&", "https://cx.example/cim"),
  userPrefix: fc.constantFrom("customer", "Customer", "the.customer+1", "kunde-ö", "c@example.org."),
  rolePrefix: fc.constantFrom("customer", "Kunde / ö", "a%2Fb?c#d"),
  lightweightTokens: fc.boolean(),
  mapper: fc.option(
    fc.record({
      type: fc.constantFrom("oidc-audience-mapper", "oidc-hardcoded-claim-mapper"),
      config: fc.record({
        "included.client.audience": fc.constantFrom("right", "account", undefined),
        "included.custom.audience": fc.constantFrom("somebody's", undefined),
        "access.token.claim": flag,
        "id.token.claim": flag,
        "introspection.token.claim": flag,
        "lightweight.claim": flag,
        "claim.name": fc.constant("somebodys"),
        "claim.value": fc.constant("thing"),
      }),
    }),
  ),
  samlMapper: fc.boolean(),
  user: fc.option(userState, { freq: 5 }),
  otp: fc.nat(7).map((chance) => chance === 0),
  role: fc.option(
    fc.record({
      description: fc.option(fc.constant("somebody's"), { nil: undefined }),
      attributes: fc.boolean(),
      uses: someUses,
    }),
  ),
  mapped: fc.subarray([0, 1, 2]),
  profile: fc.oneof(
    { weight: 2, arbitrary: fc.constant<ProfileValue[]>([]) },
    {
      weight: 1,
      arbitrary: fc.uniqueArray(fc.constantFrom(...oddValues), {
        selector: ({ attribute }) => attribute,
        minLength: 1,
        maxLength: 3,
      }),
    },
  ),
});

/** Nothing of ours is there yet. */
export const untouched: StartingState = {
  realm: plain,
  clientPrefix: "cim",
  userPrefix: "customer",
  rolePrefix: "customer",
  lightweightTokens: false,
  mapper: null,
  samlMapper: false,
  user: null,
  otp: false,
  role: null,
  mapped: [],
  profile: [],
};

/** What an admin may give another name. */
export type Renamable = "user" | "role" | "client";

/** A starting state that has been built in Keycloak. */
export class Built {
  readonly realm: TestRealm;
  readonly state: StartingState;
  clientId: string;
  username: string;
  roleName: string;
  readonly mapperName = "fix-audience";
  /** The password that the program configures. */
  password: string = configured;
  /** The profile that the program configures. */
  profile: Readonly<Record<string, string>>;
  readonly #suffix = randomBytes(4).toString("hex");
  readonly #takeBack: (() => Promise<unknown>)[] = [];

  private constructor(realm: TestRealm, state: StartingState) {
    const suffix = this.#suffix;
    this.realm = realm;
    this.state = state;
    this.clientId = `${state.clientPrefix}-${suffix}`;
    this.username = this.isFederated ? person.uid : this.#usernameOf(state.userPrefix);
    this.roleName = `${state.rolePrefix}-${suffix}`;
    this.profile = Object.fromEntries(
      state.profile.map(({ attribute, value }) => [attribute, value.replace("$", suffix)]),
    );
  }

  static async of(state: StartingState): Promise<Built> {
    const built = new Built(await realmOf(state.realm), state);
    await built.#makeClient();
    if (state.role) await built.#makeRole(state.role);
    if (state.user) await built.#makeUser(state.user);
    else if (state.otp) {
      await askNewUsersForOtp(built.realm, true);
      built.#takeBack.push(() => askNewUsersForOtp(built.realm, false));
    }
    return built;
  }

  /** A username of this case alone, in a realm of this kind. */
  #usernameOf(prefix: string): string {
    if (this.state.realm !== ofMail) return `${prefix}${this.#suffix}`;
    return `${prefix.replace(/@.*/, "")}${this.#suffix}@cx.example`;
  }

  /** Does the user come from the read-only directory? */
  get isFederated(): boolean {
    return this.state.realm === ofDirectory && this.state.user !== null;
  }

  /**
   * Why the preview refuses the program, and how somebody cures it; some of it is refused only if something else has
   * to be written.
   */
  refusals(): { says: RegExp; isCertain: boolean; cure: () => Promise<void> }[] {
    const { profile, realm, user } = this.state;
    // Nothing can be written to a user that comes from a read-only directory.
    const isRefused = (value: ProfileValue) => this.isFederated || !value.isTaken(realm);
    const refused = profile.filter(isRefused).map(({ attribute }) => attribute);
    const ofProfile = {
      says: new RegExp(refused.join("|")),
      isCertain: true,
      cure: async () => {
        const taken = Object.entries(this.profile).filter(([attribute]) => !refused.includes(attribute));
        this.profile = Object.fromEntries(taken);
      },
    };
    const rename = {
      says: /would rename the user/,
      isCertain: false,
      cure: () => this.changeUser({ email: this.username }),
    };
    return [
      ...(refused.length > 0 ? [ofProfile] : []),
      ...(realm === ofMail && user && user.email !== "its username" ? [rename] : []),
    ];
  }

  /**
   * What prevents a token and is not ours to change: what `up` must say, how somebody cures it, and what that changes
   * about the user.
   */
  obstacles(): {
    says: RegExp;
    cure: () => Promise<void>;
    cured?: (user: Representation) => Representation;
  }[] {
    const { user, otp, realm } = this.state;
    const accepted = { site: ["north"], age: ["20"], cost: ["7"] };
    const isOutdated = user?.attributes === "which a demanding profile no longer takes";
    const outdated = ["site", "age"].filter((name) => isOutdated && !(name in this.profile));
    const refusesAll = {
      says: new RegExp(`(${outdated.join("|")}): error-`),
      cure: async () => this.changeUser({ ...(await this.user()), attributes: accepted }),
      cured: (was: Representation) => ({ ...was, attributes: accepted }),
    };
    const hasOtp = {
      says: /has OTP set up, and a direct grant sends none/,
      cure: () => this.realm.removeOtp(this.username),
      cured: (was: Representation) => ({
        ...was,
        totp: false,
        disableableCredentialTypes: [],
        credentials: was.credentials.filter(({ type }: Representation) => type !== "otp"),
      }),
    };
    const isAskedForOtp = {
      says: /required actions are pending: CONFIGURE_TOTP;/,
      cure: () => this.changeUser({ requiredActions: [] }),
    };
    const refused = {
      says: /read-only user federation: set the configured password there, or configure/,
      cure: async () => {
        this.password = person.password;
      },
    };
    return [
      ...(hasProfile() && realm === demanding && outdated.length > 0 ? [refusesAll] : []),
      ...(otp ? [user ? hasOtp : isAskedForOtp] : []),
      ...(this.isFederated && this.password !== person.password ? [refused] : []),
    ];
  }

  /** The resources of the program: all five, and the token check. */
  program(): Declared[] {
    const { clientId: client, username, roleName, password, profile } = this;
    const common = { realm: this.realm.name };
    const roles = [roleName, ...keycloakRoles];
    const declared = (name: string, kind: Declared["kind"], inputs: object): Declared => ({
      name,
      kind,
      inputs: { ...common, ...inputs },
    });
    const ofUser = { username, ...(Object.keys(profile).length > 0 && { profile }) };
    return [
      declared("audience", "audienceMapper", { client, mapper: this.mapperName }),
      declared("role", "realmRole", { role: roleName }),
      declared("user", "user", ofUser),
      declared("password", "password", { username, client, password }),
      declared("role-mappings", "roleMappings", { username, roles, __ensured: [roleName] }),
      declared("token", "tokenCheck", { client, username, password, roles, __after: [] }),
    ];
  }

  /** The expected `plan` of each resource. */
  plans(): Record<string, "adopt" | "create"> {
    const { mapper, role, user } = this.state;
    const plan = (there: unknown) => (there ? "adopt" : "create");
    return {
      audience: plan(mapper),
      role: plan(role),
      user: plan(user),
      password: plan(user && (this.isFederated || user.password !== "none")),
      "role-mappings": plan(user && this.#mappedNames().length > 0),
      token: "create",
    };
  }

  user(): Promise<Representation> {
    return this.realm.user(this.username);
  }
  client(): Promise<Representation> {
    return this.realm.client(this.clientId);
  }
  role(): Promise<Representation> {
    return this.realm.role(this.roleName);
  }
  mappers(client: Representation): Representation[] {
    return (client.protocolMappers ?? []).filter(({ name }: { name: string }) => name === this.mapperName);
  }

  /** What Keycloak does not let anybody take away again, so that `destroy` cannot. */
  get irrevocable(): readonly string[] {
    const { realm } = this.state;
    return realm === ofMail ? ["email"] : realm === demanding ? ["cost"] : [];
  }

  /** Everything that `up` could touch, attributes included that the profile hides. */
  async snapshot(): Promise<Representation> {
    const own = await this.user();
    const snapshot = await withHiddenAttributes(this.realm, () => this.realm.snapshot());
    for (const user of snapshot.users) {
      // Keycloak 26 may call it by its email address.
      if (user.id === own?.id) user.username = this.username.toLowerCase();
      // Keycloak's own note about a lock.
      delete user.attributes?.disabledReason;
    }
    return snapshot;
  }

  // What others do.

  async changeUser(changes: object): Promise<void> {
    await this.realm.admin("PUT", `/users/${(await this.user()).id}`, changes);
  }

  /** Does the realm count failed logins, so that they can lock the user? */
  get countsFailures(): boolean {
    return this.state.realm !== plain;
  }
  async lock(): Promise<void> {
    await this.realm.lockOut(this.username, this.clientId);
  }
  /** For a while, or for good. */
  async isLocked(): Promise<boolean> {
    const { enabled } = await this.user();
    return !enabled || (await this.realm.failedLogins(this.username)).disabled;
  }

  /** @returns what takes it all back */
  /** Gives it another name. @returns the id of what now has that name, and the name */
  async rename(what: Renamable): Promise<{ id: string; name: string }> {
    const suffix = randomBytes(4).toString("hex");
    const name = what === "user" ? this.#usernameOf(`renamed-${suffix}-`) : `renamed-${suffix}`;
    const [path, { id, ...now }] = {
      user: ["/users", await this.user()] as const,
      role: ["/roles-by-id", await this.role()] as const,
      client: ["/clients", await this.client()] as const,
    }[what];
    const changes = {
      user: this.state.realm === ofMail ? { email: name } : { username: name },
      role: { ...now, name },
      client: { clientId: name },
    }[what];
    await this.realm.admin("PUT", `${path}/${id}`, changes);
    this.#takeBack.push(() => this.realm.admin("DELETE", `${path}/${id}`).catch(() => undefined));
    return { id, name };
  }

  /** Lets the program call it by that name. */
  follow(what: Renamable, name: string): void {
    if (what === "user") this.username = name;
    if (what === "role") this.roleName = name;
    if (what === "client") this.clientId = name;
  }

  /** Makes another one under the name that it had. */
  async replace(what: Renamable): Promise<void> {
    if (what === "client") await this.#makeClient();
    if (what === "role") await this.realm.admin("POST", "/roles", { name: this.roleName });
    if (what === "user")
      await importUser(this.realm, {
        username: this.username,
        // The renamed one has kept the address that this one would get.
        email: this.state.realm === ofMail ? this.username : `new-${this.#suffix}@example.org`,
        enabled: true,
      });
  }

  /** @returns what takes it all back */
  async useRole(uses: readonly RoleUseName[]): Promise<() => Promise<void>> {
    const all: (() => Promise<unknown>)[] = [];
    for (const use of uses) {
      const name = `use-${randomBytes(4).toString("hex")}`;
      all.push(await roleUses[use].give(this.realm, await this.role(), name));
    }
    return async () => {
      for (const takeBack of all) await takeBack();
    };
  }

  async delete(): Promise<void> {
    for (const takeBack of this.#takeBack) await takeBack();
    const [client, user, role] = await Promise.all([this.client(), this.user(), this.role()]);
    if (user) await this.realm.admin("DELETE", `/users/${user.id}`);
    if (role) await this.realm.admin("DELETE", `/roles-by-id/${role.id}`);
    if (client) await this.realm.admin("DELETE", `/clients/${client.id}`);
  }

  async #makeClient(): Promise<void> {
    const { mapper, samlMapper, lightweightTokens } = this.state;
    const config = { ...mapper?.config };
    if (config["included.client.audience"] === "right") config["included.client.audience"] = this.clientId;
    await this.realm.admin("POST", "/clients", {
      clientId: this.clientId,
      enabled: true,
      publicClient: false,
      directAccessGrantsEnabled: true,
      secret: "the-clients-secret",
      attributes: {
        ...(lightweightTokens && { "client.use.lightweight.access.token.enabled": "true" }),
      },
    });
    const { id } = await this.client();
    const make = (rest: object) =>
      this.realm.admin("POST", `/clients/${id}/protocol-mappers/models`, { name: this.mapperName, ...rest });
    if (samlMapper) {
      await make({
        protocol: "saml",
        protocolMapper: "saml-hardcode-attribute-mapper",
        config: { "attribute.name": "a", "attribute.value": "b", "attribute.nameformat": "Basic" },
      });
    }
    if (mapper) await make({ protocol: "openid-connect", protocolMapper: mapper.type, config });
  }

  async #makeRole({ description, attributes, uses }: NonNullable<StartingState["role"]>): Promise<void> {
    await this.realm.admin("POST", "/roles", {
      name: this.roleName,
      description,
      ...(attributes && { attributes: { of: ["others"], colours: ["red", "green"] } }),
    });
    this.#takeBack.push(await this.useRole(uses));
  }

  async #makeUser(state: UserState): Promise<void> {
    if (this.isFederated) await this.#takeFromDirectory(state);
    else await this.#importUser(state);
    if (state.label && state.password !== "none" && !this.isFederated) {
      const [{ id }, credentials] = [await this.user(), await this.realm.credentials(this.username)];
      const own = credentials.find(({ type }) => type === "password");
      await this.realm.admin("PUT", `/users/${id}/credentials/${own.id}/userLabel`, "somebody's label");
    }
    if (!state.locked || !this.countsFailures || this.state.otp) return;
    await this.lock();
    // The profiles of these realms refuse any change that does not complete the user.
    const isComplete = this.state.realm !== demanding && this.state.realm !== ofMail;
    if (!state.enabled && isComplete) await this.changeUser({ enabled: false });
  }

  async #importUser(state: UserState): Promise<void> {
    // A user from before the email address became the username may have another one.
    const isOlder = this.state.realm === ofMail && state.email !== "its username";
    if (isOlder) await this.realm.admin("PUT", "", { registrationEmailAsUsername: false });
    await this.#importAs(state);
    if (isOlder) await this.realm.admin("PUT", "", { registrationEmailAsUsername: true });
  }

  async #importAs(state: UserState): Promise<void> {
    const { password, locked, enabled } = state;
    const value = password.startsWith("right") ? configured : ofSomebody;
    const { defaultRole } = await this.realm.admin("GET", "");
    await importUser(this.realm, {
      username: this.username,
      // Nobody fails to log in as a disabled user.
      enabled: enabled || (locked && this.countsFailures),
      emailVerified: state.emailVerified,
      email: this.#emailOf(state),
      firstName: state.firstName,
      lastName: state.lastName,
      attributes: attributes[state.attributes],
      groups: state.group ? ["/others"] : [],
      realmRoles: [defaultRole.name, ...(state.otherRole ? ["of-others"] : []), ...this.#mappedNames()],
      clientRoles: state.clientRole ? { account: ["view-groups"] } : {},
      federatedIdentities: state.federatedIdentity
        ? [{ identityProvider: "idp", userId: "there", userName: "somebody there" }]
        : [],
      requiredActions: this.#requiredActionsOf(state),
      credentials: [
        ...(password === "none" ? [] : [{ type: "password", value, temporary: false }]),
        ...(this.state.otp ? [otpCredential] : []),
      ],
    });
  }

  #emailOf({ email }: UserState): string | undefined {
    if (email === "none") return undefined;
    if (email === "its username" && this.state.realm === ofMail) return this.username.toLowerCase();
    return `${this.#suffix}@example.org`;
  }

  #requiredActionsOf({ requiredActions, password }: UserState): string[] {
    return [...new Set([...requiredActions, ...(password.endsWith("temporary") ? ["UPDATE_PASSWORD"] : [])])];
  }

  /** Keycloak creates its own copy of the user at first sight. */
  async #takeFromDirectory(state: UserState): Promise<void> {
    const { password, emailVerified, enabled, group } = state;
    if (!password.startsWith("wrong")) this.password = person.password;
    const user = await this.user();
    const requiredActions = this.#requiredActionsOf(state);
    const isEnabled = enabled || state.locked;
    await this.realm.admin("PUT", `/users/${user.id}`, {
      ...user,
      emailVerified,
      enabled: isEnabled,
      requiredActions,
    });
    const roles = await Promise.all(
      [...this.#mappedNames(), ...(state.otherRole ? ["of-others"] : [])].map((name) =>
        this.realm.role(name),
      ),
    );
    await this.realm.admin("POST", `/users/${user.id}/role-mappings/realm`, roles);
    if (this.state.otp) await this.realm.addOtp(this.username);
    if (!group) return;
    const [others] = await this.realm.admin("GET", "/groups?search=others");
    await this.realm.admin("PUT", `/users/${user.id}/groups/${others.id}`);
  }

  #mappedNames(): string[] {
    return [this.roleName, ...keycloakRoles].filter(
      (name, index) => this.state.mapped.includes(index) && (name !== this.roleName || this.state.role),
    );
  }
}
