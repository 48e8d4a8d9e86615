// Does what our program does with @pulumi/keycloak alone: it looks up realm and client, and has four resources a realm.
import * as keycloak from "@pulumi/keycloak";
import { password, profile, realms } from "./settings.ts";

for (const name of realms) {
  const realmId = keycloak.getRealmOutput({ realm: name }).id;
  const client = keycloak.openid.getClientOutput({ realmId, clientId: "cim" });
  new keycloak.openid.AudienceProtocolMapper(`${name}-audience`, {
    realmId,
    clientId: client.id,
    name: "fix-audience",
    includedClientAudience: "cim",
    addToIdToken: true,
    addToAccessToken: true,
  });
  const user = new keycloak.User(`${name}-user`, {
    realmId,
    username: "customer",
    enabled: true,
    emailVerified: true,
    ...profile,
    initialPassword: { value: password, temporary: false },
  });
  const role = new keycloak.Role(`${name}-role`, { realmId, name: "customer" });
  const keycloaks = ["offline_access", "uma_authorization"].map(
    (each) => keycloak.getRoleOutput({ realmId, name: each }).id,
  );
  new keycloak.UserRoles(`${name}-role-mappings`, {
    realmId,
    userId: user.id,
    roleIds: [role.id, ...keycloaks],
    exhaustive: false,
  });
}
