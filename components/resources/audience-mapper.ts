import type * as pulumi from "@pulumi/pulumi";
import { type EnsuredArgs, EnsuredResource, given } from "./ensured.ts";

export interface AudienceMapperArgs extends EnsuredArgs {
  /** clientId of the client that carries the mapper and is the audience, for example `cim`. */
  client: pulumi.Input<string>;
  /**
   * Name of the mapper.
   * @default "fix-audience"
   */
  mapper?: pulumi.Input<string>;
  /** Name of the client scope that the gateway requires, if any: then no warning says that the audience is unchecked. */
  gatewayScope?: string;
}

/**
 * The Audience protocol mapper on the client itself, enabled for access token, ID token and introspection. Without
 * it whoever checks the audience refuses every token (guide: Client scopes, `cim-dedicated`).
 */
export class AudienceMapper extends EnsuredResource {
  /** The client's secret; undefined for a public client. */
  declare readonly clientSecret: pulumi.Output<string | undefined>;

  constructor(name: string, args: AudienceMapperArgs, options?: pulumi.CustomResourceOptions) {
    const { gatewayScope, ...inputs } = given(args);
    super(
      "AudienceMapper",
      "audienceMapper",
      name,
      {
        mapper: "fix-audience",
        clientSecret: undefined,
        ...inputs,
        ...(gatewayScope && { __gatewayScope: gatewayScope }),
      },
      { ...options, additionalSecretOutputs: ["clientSecret"] },
    );
  }
}
