// What the resource classes of the ensured kinds share: arguments and outputs.
import * as pulumi from "@pulumi/pulumi";
import type { KindName } from "../kinds/index.ts";
import { dynamicResource } from "./dynamic-resource.ts";

/** Arguments of every ensured resource. */
export interface EnsuredArgs {
  /** Name of the realm. */
  realm: pulumi.Input<string>;
  /**
   * Config namespace that holds the connection to Keycloak: `url`, `basePath`, `username`, `password`, …
   * @default "keycloak"
   */
  connection?: pulumi.Input<string>;
}

/**
 * An object that may already be in the realm: adopted if it is, created if it is not, and compared with the live
 * object in every preview. Deleting the resource restores what was found, as far as ownership is certain.
 */
export class EnsuredResource extends pulumi.CustomResource {
  /** Keycloak's id of the object. */
  declare readonly uuid: pulumi.Output<string>;
  /** True if the object existed before this stack. */
  declare readonly adopted: pulumi.Output<boolean>;
  /** Address of the server that the object lives on, base path included. */
  declare readonly server: pulumi.Output<string>;
  /** When this stack last created, adopted or changed the object (ISO 8601). */
  declare readonly changedAt: pulumi.Output<string>;

  protected constructor(
    type: string,
    kind: KindName,
    name: string,
    inputs: EnsuredArgs & pulumi.Inputs,
    options: pulumi.CustomResourceOptions = {},
  ) {
    const outputs = { uuid: undefined, adopted: undefined, server: undefined, changedAt: undefined };
    super(
      ...dynamicResource(type, kind, name, { ...outputs, ...inputs }),
      pulumi.mergeOptions(options, { additionalSecretOutputs: ["ownership"] }),
    );
  }
}

/** Only the arguments that were given: each property of a resource costs the engine time, even an undefined one. */
export function given<Args extends object>(args: Args): Args {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined)) as Args;
}
