import * as pulumi from "@pulumi/pulumi";
import type { VerifiedToken } from "../token/verify.ts";
import { dynamicResource } from "./dynamic-resource.ts";
import { type EnsuredArgs, given } from "./ensured.ts";

export type { VerifiedToken };

export interface TokenCheckArgs extends EnsuredArgs {
  /** clientId of the client that the token is fetched with, and that must be in its audience. */
  client: pulumi.Input<string>;
  username: pulumi.Input<string>;
  /** The user's password; always kept as a secret. */
  password: pulumi.Input<string>;
  /** True if the password is the business of others: then one that is not this one is only a warning. */
  keep?: pulumi.Input<boolean | undefined>;
  /** Client scope that the token must carry, and that no other client can have. */
  gatewayScope?: pulumi.Input<string | undefined>;
  /** Realm roles that the token must carry. */
  roles: pulumi.Input<pulumi.Input<string>[]>;
  /** What authz-keycloak must let the user do, like `GET /ccm/channels`. */
  authorizedRequests?: pulumi.Input<readonly pulumi.Input<string>[]>;
  /** Where APISIX reaches Keycloak, base path included, if Pulumi uses another address. */
  apisixDiscoveryBase?: pulumi.Input<string | undefined>;
  /** Where CX fetches the token, base path included, if not where APISIX reaches Keycloak. */
  tokenBase?: pulumi.Input<string | undefined>;
  /** `changedAt` of what the token depends on: the check runs again if one of them changes. */
  after: pulumi.Input<pulumi.Input<string>[]>;
}

/**
 * Fetches a real token and verifies it as the strictest APISIX would: signature, issuer, audience, scopes, roles, and
 * introspection. It changes nothing in Keycloak and never runs in a preview.
 */
export class TokenCheck extends pulumi.CustomResource {
  /** What was verified; never the token. */
  declare readonly token: pulumi.Output<VerifiedToken | undefined>;

  constructor(name: string, args: TokenCheckArgs, options?: pulumi.CustomResourceOptions) {
    const { after, ...inputs } = given(args);
    const password = pulumi.secret(args.password);
    super(
      ...dynamicResource("TokenCheck", "tokenCheck", name, {
        token: undefined,
        ...inputs,
        password,
        __after: after,
      }),
      options,
    );
  }
}
