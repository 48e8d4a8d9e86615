// Realm and client of a stack that owns them (`ownRealm: true`), which is mostly a developer's. Elsewhere CX brings both
// with its realm import.
import * as keycloak from "@pulumi/keycloak";
import * as pulumi from "@pulumi/pulumi";
import { defaultNamespace, readConnection } from "../components/keycloak/connection.ts";
import { isDevStack } from "./dev-stack.ts";

/** Creates realm and client, and returns the outputs that the component takes. */
export function createRealm(
  realmName: string,
  clientId: string,
): { realm: pulumi.Output<string>; client: pulumi.Output<string> } {
  refuseBadConnection();
  const protect = !isDevStack();
  const realm = new keycloak.Realm(realmName, { realm: realmName, enabled: true }, { protect });
  const client = new keycloak.openid.Client(
    `${realmName}-${clientId}`,
    {
      realmId: realm.id,
      clientId,
      accessType: "CONFIDENTIAL",
      directAccessGrantsEnabled: true,
      standardFlowEnabled: false,
    },
    { protect },
  );
  return { realm: realm.realm, client: client.clientId };
}

/** @pulumi/keycloak takes the configuration's account where the environment gives another one. */
function refuseBadConnection(): void {
  const config = pulumi.runtime.allConfig();
  try {
    readConnection(defaultNamespace, (key) => config[key], process.env);
  } catch (error) {
    throw new pulumi.RunError(error instanceof Error ? error.message : `${error}`);
  }
}

/**
 * Keeps what is in an owned realm from being deleted before Pulumi comes to the realm itself and refuses: it deletes what
 * others depend on last, and nothing that a refused resource depends on. So this one depends on everything.
 */
export class OwnedRealm extends pulumi.ComponentResource {
  constructor(realmName: string, everything: pulumi.Resource) {
    super(
      "keycloak-apisix:index:OwnedRealm",
      realmName,
      {},
      { protect: !isDevStack(), dependsOn: everything },
    );
    this.registerOutputs();
  }
}
