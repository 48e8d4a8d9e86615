// The service accounts that `npm run setup` makes, in the realm that the stack is about. docs/production.md says how to make
// the same by hand.

import semver from "semver";
import type { ClientRepresentation, Realm } from "../../components/keycloak/realm.ts";

export interface Account {
  readonly clientId: string;
  /** Client roles of `realm-management`. */
  readonly roles: readonly string[];
}

/** For `up` and `destroy`. test/keycloak/rights.test.ts shows that each role is needed, and that they are enough. */
export const writer: Account = {
  clientId: "pulumi",
  roles: ["manage-users", "manage-clients", "manage-realm"],
};

/** For previews of a stack that was applied. Before Keycloak 22, only who may change credentials sees them. */
export const reader = (release: string | undefined): Account => ({
  clientId: "pulumi-reader",
  roles: [
    release && semver.lt(semver.coerce(release) ?? release, "22.0.0") ? "manage-users" : "view-users",
    "view-clients",
    "view-realm",
  ],
});

/** The attribute of a client by which we recognise what we made; its value is the record's id. */
const mark = "keycloak-apisix.setup";

type Found = ClientRepresentation & { readonly id: string };

export class Accounts {
  readonly #realm: Realm;
  readonly #stack: string;
  readonly #id: string;

  /** @param id of the record */
  constructor(realm: Realm, stack: string, id: string) {
    this.#realm = realm;
    this.#stack = stack;
    this.#id = id;
  }

  /**
   * The account's client; undefined if there is none.
   * @throws Error if it was not made from here, because then it is not ours to change
   */
  async find(account: Account): Promise<Found | undefined> {
    const found = await this.#existing(account);
    if (!found || this.#isOurs(found)) return found;
    throw new Error(
      `Client '${account.clientId}' is in realm '${this.#realm.name}' already, and was not made by 'npm run setup' in this clone for stack ${this.#stack}: rename or delete it there, or go on by hand (docs/production.md).`,
    );
  }

  async stateOf(account: Account): Promise<"there" | "missing" | "of others"> {
    const found = await this.#existing(account);
    if (!found) return "missing";
    return this.#isOurs(found) ? "there" : "of others";
  }

  async #existing({ clientId }: Account): Promise<Found | undefined> {
    const realm = this.#realm.name;
    const read = () => this.#realm.admin.clients.find({ realm, clientId });
    const all = await this.#realm.find("client", `setup ${clientId}`, `Reading client '${clientId}'`, read);
    const found = all?.find((each) => each.clientId === clientId);
    if (found?.id) return { ...found, id: found.id };
    await this.#realm.mustSeeAllClients();
    return undefined;
  }

  #isOurs({ attributes }: Found): boolean {
    return attributes?.[mark] === this.#id;
  }

  /** Those of its roles that the account does not have. */
  async missingRoles(account: Account, client: Found): Promise<string[]> {
    const { user, management } = await this.#places(client);
    const realm = this.#realm.name;
    const mapped = await this.#realm.find("own roles", client.id, "Reading a service account's roles", () =>
      this.#realm.admin.users.listClientRoleMappings({ realm, id: user, clientUniqueId: management }),
    );
    return account.roles.filter((role) => !mapped?.some(({ name }) => name === role));
  }

  async secret({ clientId }: Account): Promise<string> {
    const { secret } = await this.#realm.client(clientId);
    if (secret) return secret;
    throw new Error(`Client '${clientId}' of realm '${this.#realm.name}' has no secret: give it one there.`);
  }

  /** Creates what is missing of the account. */
  async make(account: Account): Promise<void> {
    const { admin, name: realm } = this.#realm;
    const { clientId } = account;
    // So that a realm without these roles gets no client either.
    await this.#management();
    if (!(await this.find(account))) {
      await this.#realm.write(
        `Creating client '${clientId}'`,
        ["client"],
        () =>
          admin.clients.create({
            realm,
            clientId,
            description: `The account of Pulumi's stack ${this.#stack}; made by 'npm run setup' of keycloak-apisix.`,
            attributes: { [mark]: this.#id },
            publicClient: false,
            serviceAccountsEnabled: true,
            standardFlowEnabled: false,
            implicitFlowEnabled: false,
            directAccessGrantsEnabled: false,
          }),
        async () => (await this.find(account)) !== undefined,
      );
    }
    const client = await this.find(account);
    if (!client) throw new Error(`Client '${clientId}' was created in realm '${realm}', and is not there.`);
    const missing = await this.missingRoles(account, client);
    if (missing.length > 0) {
      const { user, management } = await this.#places(client);
      const all = await admin.clients.listRoles({ realm, id: management });
      const roles = all.flatMap(({ id, name }) =>
        id && name && missing.includes(name) ? [{ id, name }] : [],
      );
      await this.#realm.write(
        `Giving service account '${clientId}' its roles`,
        ["own roles"],
        () => admin.users.addClientRoleMappings({ realm, id: user, clientUniqueId: management, roles }),
        async () => (await this.missingRoles(account, client)).length === 0,
      );
    }
  }

  /** Deletes the account; nothing happens if there is none of ours. */
  async remove(account: Account): Promise<void> {
    const client = await this.#existing(account);
    if (!client || !this.#isOurs(client)) return;
    const { admin, name: realm } = this.#realm;
    await this.#realm.write(
      `Deleting client '${account.clientId}'`,
      ["client"],
      () => admin.clients.del({ realm, id: client.id }),
      async () => (await this.#existing(account)) === undefined,
    );
  }

  /** Ids of the account's user, and of the client whose roles it gets. */
  async #places({ id }: Found): Promise<{ user: string; management: string }> {
    const { admin, name: realm } = this.#realm;
    const read = () => admin.clients.getServiceAccountUser({ realm, id });
    const user = await this.#realm.find("own user", id, "Reading a service account", read);
    const management = await this.#management();
    if (!user?.id) throw new Error(`Client ${id} of realm '${realm}' has no service account.`);
    return { user: user.id, management: management.id };
  }

  /** The client whose roles are the rights over the realm. */
  #management() {
    return this.#realm.client(this.#realm.name === "master" ? "master-realm" : "realm-management");
  }
}
