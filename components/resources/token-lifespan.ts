import type * as pulumi from "@pulumi/pulumi";
import { type EnsuredArgs, EnsuredResource, given } from "./ensured.ts";

export interface TokenLifespanArgs extends EnsuredArgs {
  /** clientId of the client. */
  client: pulumi.Input<string>;
  /** How long its access tokens live, in seconds. */
  seconds: pulumi.Input<number>;
}

/** How long a client's access tokens live. Deleting the resource puts the earlier setting back. */
export class TokenLifespan extends EnsuredResource {
  constructor(name: string, args: TokenLifespanArgs, options?: pulumi.CustomResourceOptions) {
    super("TokenLifespan", "tokenLifespan", name, given(args), options);
  }
}
