// Realm and client of a stack that owns them (`ownRealm: true`), which is mostly a developer's. Elsewhere CX brings both
// with its realm import.
import * as keycloak from "@pulumi/keycloak";
import type * as pulumi from "@pulumi/pulumi";

/** Creates realm and client, and returns the outputs that the component takes. */
export function ownedRealm(
  realmName: string,
  clientId: string,
): { realm: pulumi.Output<string>; client: pulumi.Output<string> } {
  const realm = new keycloak.Realm(realmName, { realm: realmName, enabled: true });
  const client = new keycloak.openid.Client(`${realmName}-${clientId}`, {
    realmId: realm.id,
    clientId,
    accessType: "CONFIDENTIAL",
    directAccessGrantsEnabled: true,
    standardFlowEnabled: false,
  });
  return { realm: realm.realm, client: client.clientId };
}
