// One tenant: a realm that this program owns, with client, client scope and roles, made ready for APISIX.
import * as keycloak from "@pulumi/keycloak";
import * as pulumi from "@pulumi/pulumi";
import { ApisixEnablement, type ApisixPlugins, type VerifiedToken } from "keycloak-apisix";

export interface TenantArgs {
  displayName: string;
  customerPassword: pulumi.Input<string>;
  /** @default the newest */
  cxVersion?: string;
  /** @default Keycloak's own address */
  apisixDiscoveryBase?: string;
}

/** Roles of the tenant's people. ApisixEnablement takes care of the customer's own role. */
const roles = ["agent", "supervisor"];

export class Tenant extends pulumi.ComponentResource {
  readonly id: string;
  readonly apisix: pulumi.Output<ApisixPlugins>;
  readonly token: pulumi.Output<VerifiedToken | undefined>;

  constructor(id: string, args: TenantArgs, options?: pulumi.ComponentResourceOptions) {
    super("cx-platform:index:Tenant", id, {}, options);
    const parent = { parent: this };

    const realm = new keycloak.Realm(id, { realm: id, displayName: args.displayName }, parent);
    for (const name of roles) {
      new keycloak.Role(`${id}-${name}`, { realmId: realm.id, name }, parent);
    }
    const scope = new keycloak.openid.ClientScope(`${id}-cx`, { realmId: realm.id, name: "cx" }, parent);
    const claim = new keycloak.openid.HardcodedClaimProtocolMapper(
      `${id}-tenant`,
      {
        realmId: realm.id,
        clientScopeId: scope.id,
        name: "tenant",
        claimName: "tenant",
        claimValue: id,
      },
      parent,
    );
    const client = new keycloak.openid.Client(
      `${id}-cim`,
      {
        realmId: realm.id,
        clientId: "cim",
        accessType: "CONFIDENTIAL",
        directAccessGrantsEnabled: true,
      },
      parent,
    );
    const scopes = new keycloak.openid.ClientDefaultScopes(
      `${id}-scopes`,
      {
        realmId: realm.id,
        clientId: client.id,
        // APISIX asks for email and profile, and the customer's roles come with `roles`.
        defaultScopes: ["acr", "basic", "email", "profile", "roles", "web-origins", scope.name],
      },
      parent,
    );

    const enablement = new ApisixEnablement(
      id,
      {
        realm: realm.realm,
        client: client.clientId,
        customerPassword: args.customerPassword,
        cxVersion: args.cxVersion,
        apisixDiscoveryBase: args.apisixDiscoveryBase,
      },
      // So the verified token has these scopes, like the tokens that customers get.
      { ...parent, dependsOn: [scopes, claim] },
    );
    this.id = id;
    this.apisix = enablement.apisix;
    this.token = enablement.token;
    this.registerOutputs({ apisix: this.apisix, token: this.token });
  }
}
