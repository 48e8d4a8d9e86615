// An admin with chosen rights over one realm: a service account of that realm, or a user of realm master.
import { randomBytes } from "node:crypto";
import { admin, type Representation, server, type TestRealm } from "../../rig/keycloak/realm.ts";
import { connection } from "./engine.ts";

export const homes = ["the realm", "master"] as const;
export type Home = (typeof homes)[number];

export class LimitedAdmin {
  readonly #realm: TestRealm;
  /** Path of the user in the admin API, and of what makes it. */
  readonly #user: string;
  readonly #made: string;
  /** Path of the user's mappings to the client roles that are rights over the realm. */
  readonly #mappings: string;
  readonly #all: readonly Representation[];
  readonly #takeBack: (() => Promise<unknown>)[] = [];
  /** The connection as this admin. */
  readonly connection: Readonly<Record<string, string>>;

  private constructor(
    realm: TestRealm,
    paths: { user: string; made: string; mappings: string },
    all: readonly Representation[],
    credentials: Readonly<Record<string, string>>,
  ) {
    const { "keycloak:username": _user, "keycloak:password": _password, ...rest } = connection;
    this.#realm = realm;
    this.#user = paths.user;
    this.#made = paths.made;
    this.#mappings = paths.mappings;
    this.#all = all;
    this.connection = { ...rest, ...credentials };
  }

  static async create(
    realm: TestRealm,
    home: Home = "the realm",
    rights: readonly string[] = [],
  ): Promise<LimitedAdmin> {
    const made = home === "master" ? await userOfMaster() : await clientOf(realm);
    const [base, clientId] =
      home === "master" ? ["/master", `${realm.name}-realm`] : [realm.path, "realm-management"];
    const [{ id }] = await admin("GET", `${base}/clients?clientId=${encodeURIComponent(clientId)}`);
    const all = await admin("GET", `${base}/clients/${id}/roles`);
    const paths = { ...made, mappings: `${made.user}/role-mappings/clients/${id}` };
    const limited = new LimitedAdmin(realm, paths, all, made.credentials);
    await limited.give(rights);
    return limited;
  }

  /** Gives it these rights too. */
  async give(rights: readonly string[]): Promise<void> {
    await this.#change("POST", rights);
  }
  /** Gives it these rights and no others. */
  async limitTo(rights: readonly string[]): Promise<void> {
    const has: Representation[] = await admin("GET", this.#mappings);
    await this.#change(
      "DELETE",
      has.map(({ name }) => name),
    );
    await this.give(rights);
  }
  async #change(method: "POST" | "DELETE", rights: readonly string[]): Promise<void> {
    if (rights.length === 0) return;
    await admin(
      method,
      this.#mappings,
      this.#all.filter(({ name }) => rights.includes(name)),
    );
  }

  /**
   * Gives it fine-grained permissions, which add to its rights (Keycloak 26.2 and newer).
   * @param ids of the objects; none means all
   * @param logic who is meant: it, or everybody else
   */
  async permit(
    resourceType: "Users" | "Clients",
    scopes: readonly string[],
    ids: readonly string[],
    logic: "POSITIVE" | "NEGATIVE" = "POSITIVE",
  ): Promise<void> {
    const realm = this.#realm;
    await realm.admin("PUT", "", { adminPermissionsEnabled: true });
    this.#takeBack.push(() => realm.admin("PUT", "", { adminPermissionsEnabled: false }));
    const { id } = await realm.client("admin-permissions");
    const base = `/clients/${id}/authz/resource-server`;
    const name = randomBytes(4).toString("hex");
    const policy = await realm.admin("POST", `${base}/policy/user`, { name, logic, users: [this.#id] });
    await realm.admin("POST", `${base}/permission/scope`, {
      name: `may ${name}`,
      resourceType,
      scopes,
      policies: [policy.id],
      ...(ids.length > 0 && { resources: ids }),
    });
  }

  /** What admins have written in the realm since {@link TestRealm.noteWrites}, without this one's own rights. */
  async written(): Promise<string[]> {
    return (await this.#realm.written()).filter((write) => !write.includes(this.#id));
  }

  get #id(): string {
    return this.#user.replace(/.*\//, "");
  }

  async delete(): Promise<void> {
    for (const takeBack of this.#takeBack) await takeBack();
    await admin("DELETE", this.#made);
  }
}

async function userOfMaster() {
  const username = `a-${randomBytes(4).toString("hex")}`;
  const password = "the clerk's";
  await admin("POST", "/master/users", {
    username,
    enabled: true,
    credentials: [{ type: "password", value: password, temporary: false }],
  });
  const [{ id }] = await admin("GET", `/master/users?username=${username}&exact=true`);
  const user = `/master/users/${id}`;
  return { user, made: user, credentials: { "keycloak:username": username, "keycloak:password": password } };
}

async function clientOf(realm: TestRealm) {
  const clientId = `deployer-${randomBytes(3).toString("hex")}`;
  const secret = "the deployer's";
  await realm.admin("POST", "/clients", {
    clientId,
    secret,
    serviceAccountsEnabled: true,
    publicClient: false,
  });
  const { id } = await realm.client(clientId);
  const made = `${realm.path}/clients/${id}`;
  const user = `${realm.path}/users/${(await admin("GET", `${made}/service-account-user`)).id}`;
  const credentials = {
    "keycloak:realm": realm.name,
    "keycloak:clientId": clientId,
    "keycloak:clientSecret": secret,
  };
  return { user, made, credentials };
}

/** The rights that the nightly job's account needs. */
export const toWatch = [
  server.isFrom("22.0.0") ? "view-users" : "manage-users",
  "view-clients",
  "view-realm",
];

/** An account as a shell's environment gives it. */
export type Account = { KEYCLOAK_CLIENT_ID: string; KEYCLOAK_CLIENT_SECRET: string };

/** A service account of the realm, with these rights over it. */
export async function serviceAccount(realm: TestRealm, rights: readonly string[]): Promise<Account> {
  const { connection } = await LimitedAdmin.create(realm, "the realm", rights);
  const { "keycloak:clientId": id = "", "keycloak:clientSecret": secret = "" } = connection;
  return { KEYCLOAK_CLIENT_ID: id, KEYCLOAK_CLIENT_SECRET: secret };
}
