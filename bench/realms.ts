// The realms that all contestants work on in turn. They are created once and reset before each turn, with plain requests
// and outside the measured time. All contestants share them, because each realm more slows down every request of an admin.
import pLimit from "p-limit";
import { changeUser, doByHand } from "../rig/keycloak/by-hand.ts";
import { TestRealm } from "../rig/keycloak/realm.ts";

/** What every contestant must configure. */
export const customer = {
  password: "Of the customer, 1!",
  profile: { email: "customer@example.com", firstName: "Cim", lastName: "Customer" },
};

const mappedRoles = ["customer", "offline_access", "uma_authorization"];

/** At 50 realms this makes ten thousand requests, eight at a time. */
const warmUpPasses = 10;
const atOnce = 8;

export class Realms {
  readonly all: readonly TestRealm[];

  constructor(all: readonly TestRealm[]) {
    this.all = all;
  }

  /** Creates this many realms with client `cim`, counting those of `smaller`. */
  static async create(count: number, smaller: Realms | undefined): Promise<Realms> {
    const all = [...(smaller?.all ?? [])];
    while (all.length < count) all.push(await TestRealm.create({}, {}, `bench-${all.length + 1}`));
    return new Realms(all);
  }

  /** Makes Keycloak compile its hot code: here it has just started, while in production it has run for days. */
  async warmUp(): Promise<void> {
    const limit = pLimit(atOnce);
    for (let pass = 0; pass < warmUpPasses; pass += 1) {
      await limit.map(this.all, async (realm) => {
        const alone = new Realms([realm]);
        await alone.makeReady();
        await alone.verify();
        await alone.clear();
      });
    }
  }

  /** Configures the realms for a contestant that does not run `fresh`. */
  async makeReady(): Promise<void> {
    for (const realm of this.all) await doByHand(realm, customer.password);
  }

  /** Changes one field in each realm; {@link repair} corrects it. */
  async tamper(): Promise<void> {
    for (const realm of this.all) await changeUser(realm, { emailVerified: false });
  }
  async repair(): Promise<void> {
    for (const realm of this.all) await changeUser(realm, { emailVerified: true });
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
        mappedRoles.every((role) => mapped.includes(role)) || "the role mappings",
        (await realm.canLogIn(customer.password)) || "a password that lets the customer in",
      ].find((each) => each !== true);
      if (undone) throw new Error(`Realm ${realm.name} lacks ${undone}.`);
    }
  }
}
