// The realms that all contestants work on in turn. They are created once and reset before each turn, with plain requests
// and outside the measured time. All contestants share them, because each realm more slows down every request of an admin.
import { TestRealm } from "../rig/keycloak/realm.ts";

/** What every contestant must configure. */
export const customer = {
  password: "Of the customer, 1!",
  profile: { email: "customer@example.com", firstName: "Cim", lastName: "Customer" },
};

export class Realms {
  readonly all: TestRealm[] = [];

  /** Creates realms with client `cim`, or deletes some, until there are this many. */
  async resizeTo(count: number): Promise<void> {
    while (this.all.length > count) await this.all.pop()?.delete();
    while (this.all.length < count)
      this.all.push(await TestRealm.create({}, {}, `bench-${this.all.length + 1}`));
  }

  /** Removes everything that a contestant has created. */
  async clear(): Promise<void> {
    for (const realm of this.all) {
      const [client, user, role] = await Promise.all([realm.client(), realm.user(), realm.role()]);
      const models = `/clients/${client.id}/protocol-mappers/models`;
      const mapper = client.protocolMappers?.find(({ name }: { name: string }) => name === "fix-audience");
      if (mapper) await realm.admin("DELETE", `${models}/${mapper.id}`);
      if (user) await realm.admin("DELETE", `/users/${user.id}`);
      if (role) await realm.admin("DELETE", "/roles/customer");
    }
  }

  /** @throws Error naming the first thing that a contestant has not done */
  async verify(): Promise<void> {
    for (const realm of this.all) {
      const [mapper, user, mapped] = await Promise.all([realm.mapper(), realm.user(), realm.mappedRoles()]);
      const undone = [
        mapper?.config["included.client.audience"] === "cim" || "the mapper",
        mapper?.config["id.token.claim"] === "true" || "the mapper's ID token claim",
        user.emailVerified === true || "the verified email",
        ["customer", "offline_access", "uma_authorization"].every((role) => mapped.includes(role)) ||
          "the role mappings",
        (await realm.canLogIn(customer.password)) || "a password that lets the customer in",
      ].find((each) => each !== true);
      if (undone) throw new Error(`Realm ${realm.name} lacks ${undone}.`);
    }
  }
}
