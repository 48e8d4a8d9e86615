import type * as pulumi from "@pulumi/pulumi";
import { type EnsuredArgs, EnsuredResource, given } from "./ensured.ts";

export interface GatewayScopeArgs extends EnsuredArgs {
  /** clientId of the only client that has the scope, for example `cim`. */
  client: pulumi.Input<string>;
  /** Name of the client scope; it stands in the token's `scope`. */
  scope: pulumi.Input<string>;
}

/**
 * A client scope that is a default of this client and belongs to no other, for a gateway that requires it: it does
 * what an audience check does, on every release of APISIX. A scope that others have too is refused.
 */
export class GatewayScope extends EnsuredResource {
  constructor(name: string, args: GatewayScopeArgs, options?: pulumi.CustomResourceOptions) {
    super("GatewayScope", "gatewayScope", name, given(args), options);
  }
}
