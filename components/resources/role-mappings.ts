import type * as pulumi from "@pulumi/pulumi";
import { type EnsuredArgs, EnsuredResource, given } from "./ensured.ts";

export interface RoleMappingsArgs extends EnsuredArgs {
  /** Username of the user, which must exist. */
  username: pulumi.Input<string>;
  /** Names of the realm roles to map directly. */
  roles: pulumi.Input<pulumi.Input<string>[]>;
  /** Those of them that the same program ensures: a preview does not report these as missing. */
  ensured: pulumi.Input<pulumi.Input<string>[]>;
}

/** Direct realm role mappings of a user. Mappings that are not named here are left alone. */
export class RoleMappings extends EnsuredResource {
  constructor(name: string, args: RoleMappingsArgs, options?: pulumi.CustomResourceOptions) {
    const { ensured, ...inputs } = args;
    super("RoleMappings", "roleMappings", name, { ...given(inputs), __ensured: ensured }, options);
  }
}
