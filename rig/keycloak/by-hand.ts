// What people do to a realm by hand, in the admin console: everything right, or everything wrong.
import { type Representation, server, type TestRealm } from "./realm.ts";

/** The customer's password in a realm where everything is wrong. */
const passwordByHand = "by hand, and wrong";

/** Follows the whole guide by hand, without a mistake. */
export async function doByHand(realm: TestRealm, password: string): Promise<void> {
  const client = await realm.client();
  await realm.admin("POST", `/clients/${client.id}/protocol-mappers/models`, {
    name: "fix-audience",
    protocol: "openid-connect",
    protocolMapper: "oidc-audience-mapper",
    config: {
      "included.client.audience": "cim",
      "id.token.claim": "true",
      "access.token.claim": "true",
      "introspection.token.claim": "true",
      "lightweight.claim": "false",
    },
  });
  await realm.admin("POST", "/users", {
    username: "customer",
    enabled: true,
    emailVerified: true,
    email: "customer@example.com",
    firstName: "By",
    lastName: "Hand",
    credentials: [{ type: "password", value: password, temporary: false }],
  });
  await realm.admin("POST", "/roles", { name: "customer", description: "made by hand" });
  await mapRoles(realm, "customer", "offline_access", "uma_authorization");
}

/** Creates every object with every field wrong, and adds things that belong to others. */
export async function doEverythingWrong(realm: TestRealm): Promise<void> {
  if (server.isFrom("24.0.0")) {
    const profile = await realm.admin("GET", "/users/profile");
    await realm.admin("PUT", "/users/profile", { ...profile, unmanagedAttributePolicy: "ENABLED" });
  }
  const client = await realm.client();
  await realm.admin("POST", `/clients/${client.id}/protocol-mappers/models`, {
    name: "fix-audience",
    protocol: "openid-connect",
    protocolMapper: "oidc-hardcoded-claim-mapper",
    config: {
      "claim.name": "somebodys",
      "claim.value": "thing",
      "access.token.claim": "false",
      "id.token.claim": "false",
      "introspection.token.claim": "false",
    },
  });
  await realm.admin("POST", `/clients/${client.id}/protocol-mappers/models`, {
    name: "of-others",
    protocol: "openid-connect",
    protocolMapper: "oidc-audience-mapper",
    config: { "included.custom.audience": "others", "access.token.claim": "true" },
  });
  await realm.admin("POST", "/groups", { name: "others" });
  await realm.admin("POST", "/users", {
    username: "customer",
    enabled: false,
    emailVerified: false,
    firstName: "Somebody",
    attributes: { phone: ["0123"], colours: ["red", "green"] },
    groups: ["others"],
    requiredActions: ["VERIFY_EMAIL"],
    credentials: [{ type: "password", value: passwordByHand, temporary: true }],
  });
  await realm.admin("POST", "/roles", { name: "others-role" });
  await realm.admin("POST", "/roles", {
    name: "customer",
    description: "somebody's",
    attributes: { of: ["others"] },
  });
  const others = await realm.role("others-role");
  await realm.admin("POST", `/roles-by-id/${(await realm.role()).id}/composites`, [others]);
  await mapRoles(realm, "others-role", "uma_authorization");
}

export async function mapRoles(realm: TestRealm, ...names: string[]): Promise<void> {
  const roles = await Promise.all(names.map((name) => realm.role(name)));
  const { id } = await realm.user();
  await realm.admin("POST", `/users/${id}/role-mappings/realm`, roles);
}

export async function unmapRoles(realm: TestRealm, ...names: string[]): Promise<void> {
  const roles = await Promise.all(names.map((name) => realm.role(name)));
  const { id } = await realm.user();
  await realm.admin("DELETE", `/users/${id}/role-mappings/realm`, roles);
}

export async function changeMapper(realm: TestRealm, config: Record<string, string>): Promise<void> {
  const [client, mapper] = await Promise.all([realm.client(), realm.mapper()]);
  await realm.admin("PUT", `/clients/${client.id}/protocol-mappers/models/${mapper.id}`, {
    ...mapper,
    config: { ...mapper.config, ...config },
  });
}

export async function changeUser(realm: TestRealm, changes: object, username?: string): Promise<void> {
  const user = await realm.user(username);
  await realm.admin("PUT", `/users/${user.id}`, { ...user, ...changes });
}

export async function changeClient(realm: TestRealm, changes: object): Promise<void> {
  const client = await realm.client();
  await realm.admin("PUT", `/clients/${client.id}`, { ...client, ...changes });
}

export async function resetPassword(realm: TestRealm, value: string, temporary = false): Promise<void> {
  const { id } = await realm.user();
  await realm.admin("PUT", `/users/${id}/reset-password`, { type: "password", value, temporary });
}

/**
 * The snapshot without what cannot be restored: a password that was overwritten, and the label of its credential, which
 * Keycloak does not let anybody empty.
 */
export function withoutPasswords(snapshot: Representation): Representation {
  return {
    ...snapshot,
    users: snapshot.users.map((user: Representation) => ({
      ...user,
      credentials: user.credentials.map(({ type }: { type: string }) => ({ type })),
    })),
  };
}
