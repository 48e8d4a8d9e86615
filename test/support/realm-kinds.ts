// Realms with different demands, in which the property tests build their cases. Each is made once, at first use.
import { randomBytes } from "node:crypto";
import { locksOut, type Representation, server, TestRealm } from "../../rig/keycloak/realm.ts";
import { type Directory, federate, startDirectory } from "../../rig/servers/directory.ts";

/** All but the first may hold attributes that the profile does not name, and all but the first count failed logins. */
export const realmKinds = {
  "as Keycloak makes it": { name: "plain", settings: {} },
  /** It asks new users for everything but OTP. */
  "with policies": {
    name: "Ünit 7's",
    settings: {
      ...locksOut,
      passwordPolicy: "length(8) and passwordHistory(3) and upperCase(1) and specialChars(1)",
    },
  },
  "with a demanding profile": { name: "tenant 100%", settings: locksOut },
  /** Failed logins lock a user for good. */
  "where the email address is the username": {
    name: "mail",
    settings: { ...locksOut, permanentLockout: true, registrationEmailAsUsername: true },
  },
  "with people from a read-only directory": { name: "fédération", settings: locksOut },
} as const;
export type RealmKind = keyof typeof realmKinds;
export const allKinds = Object.keys(realmKinds) as RealmKind[];
export const plain: RealmKind = "as Keycloak makes it";
export const ofPolicies: RealmKind = "with policies";
export const demanding: RealmKind = "with a demanding profile";
export const ofMail: RealmKind = "where the email address is the username";
/** Its user, if any, comes from the directory. */
export const ofDirectory: RealmKind = "with people from a read-only directory";

/** The one person in the directory. */
export const person = { uid: "person", password: "The directory's 5!" };
/** A user of every realm, who has nothing to do with it. */
export const bystander = { username: "by@example.org", email: "by@example.org" };

/** Before Keycloak 24 a realm has no user profile unless somebody enables the feature. */
export const hasProfile = () => server.isFrom("24.0.0");

const realms = new Map<RealmKind, Promise<TestRealm>>();
const directories: Directory[] = [];

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

async function makeRealm(kind: RealmKind): Promise<TestRealm> {
  const { name, settings } = realmKinds[kind];
  const options = { editUsernameAllowed: true, ...settings };
  const realm = await TestRealm.create(options, null, `${name} ${randomBytes(3).toString("hex")}`);
  if (hasProfile() && kind !== plain) await changeProfile(realm, kind === demanding ? demanded : []);
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
  // An import, because here and below no profile is in the way.
  await importUser(realm, { ...bystander, enabled: true });
  if (kind === ofPolicies) await askNewUsersForEverything(realm);
  await realm.noteWrites();
  return realm;
}

/** Makes a user that no profile has checked, as an earlier profile or an import may have left it. */
export async function importUser(realm: TestRealm, user: object): Promise<void> {
  await realm.admin("POST", "/partialImport", { ifResourceExists: "FAIL", users: [user] });
}

const demanded = [
  { name: "site", required: { roles: ["user"] }, validations: { options: { options: ["north", "south"] } } },
  { name: "badge", required: { roles: ["user"] }, validations: { length: { min: 12, max: 20 } } },
  { name: "cost", required: { roles: ["admin"] } },
  { name: "age", validations: { integer: { min: 18, max: 99 } } },
];

async function changeProfile(realm: TestRealm, attributes: readonly object[]): Promise<void> {
  const profile = await realm.admin("GET", "/users/profile");
  const permissions = { view: ["admin", "user"], edit: ["admin", "user"] };
  await realm.admin("PUT", "/users/profile", {
    ...profile,
    unmanagedAttributePolicy: "ENABLED",
    attributes: [...profile.attributes, ...attributes.map((attribute) => ({ ...attribute, permissions }))],
  });
}

async function askNewUsersForEverything(realm: TestRealm): Promise<void> {
  const path = "/authentication/required-actions";
  const actions: Representation[] = await realm.admin("GET", path);
  for (const action of actions) {
    if (action.alias === "CONFIGURE_TOTP") continue;
    await realm.admin("PUT", `${path}/${action.alias}`, { ...action, enabled: true, defaultAction: true });
  }
}

/** Whether every new user is asked to set up OTP. */
export async function askNewUsersForOtp(realm: TestRealm, defaultAction: boolean): Promise<void> {
  const path = "/authentication/required-actions/CONFIGURE_TOTP";
  await realm.admin("PUT", path, { ...(await realm.admin("GET", path)), defaultAction });
}

/** With the attributes that no admin sees, because the profile does not name them. */
export async function withHiddenAttributes<T>(realm: TestRealm, look: () => Promise<T>): Promise<T> {
  const profile = await realm.admin("GET", "/users/profile");
  if (!hasProfile() || profile.unmanagedAttributePolicy) return look();
  await realm.admin("PUT", "/users/profile", { ...profile, unmanagedAttributePolicy: "ENABLED" });
  try {
    return await look();
  } finally {
    await realm.admin("PUT", "/users/profile", profile);
  }
}
