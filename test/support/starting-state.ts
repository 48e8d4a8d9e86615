// Starting states: what a realm may look like before the first `up`. fast-check generates them, and Keycloak's own API
// builds them for real. Each has a client, user and role of its own, so that one realm serves many.
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { locksOut, otpCredential, type Representation, TestRealm } from "../../rig/keycloak/realm.ts";
import { type Directory, federate, startDirectory } from "../../rig/servers/directory.ts";
import type { Declared } from "./engine.ts";

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
  readonly role: {
    readonly description?: string;
    readonly attributes: boolean;
    readonly composite: boolean;
  } | null;
  /** Which of the three roles are mapped already, if user and role exist. */
  readonly mapped: readonly number[];
}

export interface UserState {
  readonly enabled: boolean;
  readonly emailVerified: boolean;
  readonly email: boolean;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly attributes: boolean;
  readonly group: boolean;
  readonly otherRole: boolean;
  readonly clientRole: boolean;
  readonly federatedIdentity: boolean;
  readonly requiredActions: readonly string[];
  readonly password: "none" | "right" | "wrong" | "right, temporary" | "wrong, temporary";
  readonly label: boolean;
  readonly locked: boolean;
  /** A second factor: while it exists, no direct grant returns a token. */
  readonly otp: boolean;
}

/** Realms with different demands. */
export const realmKinds = {
  "as Keycloak makes it": { name: "plain", settings: {} },
  "with policies": {
    name: "Ünit 7's",
    settings: { passwordPolicy: "length(8) and passwordHistory(3) and upperCase(1) and specialChars(1)" },
  },
  "with a demanding profile": {
    name: "tenant 100%",
    settings: locksOut,
  },
  "with people from a read-only directory": { name: "fédération", settings: {} },
} as const;
export type RealmKind = keyof typeof realmKinds;
/** The realm whose user, if any, comes from the directory. */
export const ofDirectory: RealmKind = "with people from a read-only directory";

const text = fc.constantFrom("Somebody", "Zoë", "O'Neil", "李");
const flag = fc.constantFrom("true", "false", undefined);

const userState: fc.Arbitrary<UserState> = fc.record({
  enabled: fc.boolean(),
  emailVerified: fc.boolean(),
  email: fc.boolean(),
  firstName: fc.option(text, { nil: undefined }),
  lastName: fc.option(text, { nil: undefined }),
  attributes: fc.boolean(),
  group: fc.boolean(),
  otherRole: fc.boolean(),
  clientRole: fc.boolean(),
  federatedIdentity: fc.boolean(),
  requiredActions: fc.subarray(["VERIFY_EMAIL", "UPDATE_PROFILE", "UPDATE_PASSWORD"]),
  password: fc.constantFrom("none", "right", "wrong", "right, temporary", "wrong, temporary"),
  label: fc.boolean(),
  locked: fc.boolean(),
  otp: fc.nat(5).map((chance) => chance === 0),
});

export const startingState: fc.Arbitrary<StartingState> = fc.record({
  realm: fc.constantFrom(...(Object.keys(realmKinds) as RealmKind[])),
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
  role: fc.option(
    fc.record({
      description: fc.option(fc.constant("somebody's"), { nil: undefined }),
      attributes: fc.boolean(),
      composite: fc.boolean(),
    }),
  ),
  mapped: fc.subarray([0, 1, 2]),
});

const realms = new Map<RealmKind, Promise<TestRealm>>();
const directories: Directory[] = [];
/** The one person in the directory. */
const person = { uid: "person", password: "The directory's 5!" };

export function realmOf(kind: RealmKind): Promise<TestRealm> {
  let realm = realms.get(kind);
  if (!realm) {
    realm = makeRealm(kind);
    realms.set(kind, realm);
  }
  return realm;
}

export async function deleteRealms(): Promise<void> {
  for (const realm of realms.values()) await (await realm.catch(() => undefined))?.delete();
  for (const directory of directories) await directory.stop();
}

/** Before Keycloak 24 a realm has no user profile unless somebody enables the feature. */
const hasProfile = Number.parseInt(process.env.TEST_KEYCLOAK_VERSION ?? "99", 10) >= 24;

const demanded = [
  { name: "site", validations: { options: { options: ["north", "south"] } } },
  { name: "badge", validations: { length: { min: 12, max: 20 } } },
];

async function changeProfile(realm: TestRealm, required: readonly { name: string }[]): Promise<void> {
  const profile = await realm.admin("GET", "/users/profile");
  const rest = {
    required: { roles: ["user"] },
    permissions: { view: ["admin", "user"], edit: ["admin", "user"] },
  };
  await realm.admin("PUT", "/users/profile", {
    ...profile,
    unmanagedAttributePolicy: "ENABLED",
    attributes: [...profile.attributes, ...required.map((attribute) => ({ ...attribute, ...rest }))],
  });
}

async function makeRealm(kind: RealmKind): Promise<TestRealm> {
  const { name, settings } = realmKinds[kind];
  const realm = await TestRealm.create(settings, null, `${name} ${randomBytes(3).toString("hex")}`);
  if (hasProfile) await changeProfile(realm, kind === "with a demanding profile" ? demanded : []);
  if (kind === ofDirectory) {
    const directory = await startDirectory(person.uid, person.password);
    directories.push(directory);
    await federate(realm, directory.address);
  }
  await realm.admin("POST", "/roles", { name: "of-others" });
  await realm.admin("POST", "/groups", { name: "others" });
  await realm.admin("POST", "/identity-provider/instances", {
    alias: "idp",
    providerId: "oidc",
    enabled: true,
  });
  await realm.admin("POST", "/users", { username: "bystander", enabled: true, email: "by@example.org" });
  await realm.noteWrites();
  return realm;
}

/** A starting state that has been built in Keycloak. */
export class Built {
  readonly realm: TestRealm;
  readonly state: StartingState;
  readonly clientId: string;
  readonly username: string;
  readonly roleName: string;
  readonly mapperName = "fix-audience";
  /** The password that the program configures. */
  password: string = configured;

  private constructor(realm: TestRealm, state: StartingState) {
    const suffix = randomBytes(4).toString("hex");
    this.realm = realm;
    this.state = state;
    this.clientId = `${state.clientPrefix}-${suffix}`;
    this.username = this.isFederated ? person.uid : `${state.userPrefix}${suffix}`;
    this.roleName = `${state.rolePrefix}-${suffix}`;
  }

  static async of(state: StartingState): Promise<Built> {
    const built = new Built(await realmOf(state.realm), state);
    await built.#makeClient();
    if (state.role) await built.#makeRole(state.role);
    if (state.user) await built.#makeUser(state.user);
    if (state.user) await built.#mapRoles();
    return built;
  }

  /** Does the user come from the read-only directory? */
  get isFederated(): boolean {
    return this.state.realm === ofDirectory && this.state.user !== null;
  }

  /** What prevents a token and is not ours to change: what `up` must say, and how somebody cures it. */
  obstacles(): { says: RegExp; cure: () => Promise<void> }[] {
    const { user } = this.state;
    const otp = {
      says: /has OTP set up, and a direct grant sends none/,
      cure: () => this.realm.removeOtp(this.username),
    };
    const refused = {
      says: /read-only user federation: set the configured password there, or configure/,
      cure: async () => {
        this.password = person.password;
      },
    };
    return [
      ...(user?.otp ? [otp] : []),
      ...(this.isFederated && this.password !== person.password ? [refused] : []),
    ];
  }

  /** The resources of the program: all five, and the token check. */
  program(): Declared[] {
    const { clientId: client, username, roleName } = this;
    const common = { realm: this.realm.name };
    const roles = [roleName, ...keycloakRoles];
    const declared = (name: string, kind: Declared["kind"], inputs: object): Declared => ({
      name,
      kind,
      inputs: { ...common, ...inputs },
    });
    return [
      declared("audience", "audienceMapper", { client, mapper: this.mapperName }),
      declared("role", "realmRole", { role: roleName }),
      declared("user", "user", { username }),
      declared("password", "password", { username, client, password: this.password }),
      declared("role-mappings", "roleMappings", { username, roles, __ensured: [roleName] }),
      declared("token", "tokenCheck", { client, username, password: this.password, roles, __after: [] }),
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
  mappers(client: Representation): Representation[] {
    return (client.protocolMappers ?? []).filter(({ name }: { name: string }) => name === this.mapperName);
  }

  async delete(): Promise<void> {
    const [client, user, role] = await Promise.all([
      this.client(),
      this.user(),
      this.realm.role(this.roleName),
    ]);
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

  async #makeRole({ description, attributes, composite }: NonNullable<StartingState["role"]>): Promise<void> {
    await this.realm.admin("POST", "/roles", {
      name: this.roleName,
      description,
      ...(attributes && { attributes: { of: ["others"], colours: ["red", "green"] } }),
    });
    if (!composite) return;
    const { id } = await this.realm.role(this.roleName);
    await this.realm.admin("POST", `/roles-by-id/${id}/composites`, [await this.realm.role("of-others")]);
  }

  async #makeUser(state: UserState): Promise<void> {
    const { password } = state;
    const { realm } = this;
    if (this.isFederated) await this.#takeFromDirectory(state);
    else await this.#makeLocalUser(state);
    const { id } = await this.user();
    // No other realm counts failed logins.
    if (state.locked && this.state.realm === "with a demanding profile") {
      await realm.lockOut(this.username, this.clientId);
    }
    if (state.federatedIdentity) {
      await realm.admin("POST", `/users/${id}/federated-identity/idp`, {
        identityProvider: "idp",
        userId: "there",
        userName: "somebody there",
      });
    }
    if (state.otherRole) {
      await realm.admin("POST", `/users/${id}/role-mappings/realm`, [await realm.role("of-others")]);
    }
    if (state.clientRole) {
      const account = await realm.client("account");
      const role = await realm.admin("GET", `/clients/${account.id}/roles/view-groups`);
      await realm.admin("POST", `/users/${id}/role-mappings/clients/${account.id}`, [role]);
    }
    if (state.label && password !== "none" && !this.isFederated) {
      const [credential] = await realm.credentials(this.username);
      await realm.admin("PUT", `/users/${id}/credentials/${credential.id}/userLabel`, "somebody's label");
    }
    const requiredActions = new Set(state.requiredActions);
    if (password.endsWith("temporary")) requiredActions.add("UPDATE_PASSWORD");
    await realm.admin("PUT", `/users/${id}`, {
      ...(await this.user()),
      enabled: state.enabled,
      requiredActions: [...requiredActions],
    });
  }

  async #makeLocalUser({ password, ...state }: UserState): Promise<void> {
    await this.realm.admin("POST", "/users", {
      username: this.username,
      enabled: true,
      emailVerified: state.emailVerified,
      ...(state.email && { email: `${randomBytes(4).toString("hex")}@example.org` }),
      firstName: state.firstName,
      lastName: state.lastName,
      ...(state.attributes && {
        attributes: { phone: ["0123"], colours: ["red", "green"], site: ["south"] },
      }),
      ...(state.group && { groups: ["others"] }),
      credentials: [
        ...(password === "none"
          ? []
          : [
              {
                type: "password",
                value: password.startsWith("right") ? configured : ofSomebody,
                temporary: false,
              },
            ]),
        ...(state.otp ? [otpCredential] : []),
      ],
    });
  }

  /** Keycloak creates its own copy of the user at first sight. */
  async #takeFromDirectory({ password, emailVerified, group, otp }: UserState): Promise<void> {
    if (!password.startsWith("wrong")) this.password = person.password;
    const user = await this.user();
    await this.realm.admin("PUT", `/users/${user.id}`, { ...user, emailVerified });
    if (otp) await this.realm.addOtp(this.username);
    if (!group) return;
    const [others] = await this.realm.admin("GET", "/groups");
    await this.realm.admin("PUT", `/users/${user.id}/groups/${others.id}`);
  }

  #mappedNames(): string[] {
    return [this.roleName, ...keycloakRoles].filter(
      (name, index) => this.state.mapped.includes(index) && (name !== this.roleName || this.state.role),
    );
  }

  async #mapRoles(): Promise<void> {
    const roles = await Promise.all(this.#mappedNames().map((name) => this.realm.role(name)));
    const { id } = await this.user();
    await this.realm.admin("POST", `/users/${id}/role-mappings/realm`, roles);
  }
}
