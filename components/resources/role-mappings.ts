import type * as pulumi from "@pulumi/pulumi";
import { type EnsuredArgs, EnsuredResource, given } from "./ensured.ts";

export interface RoleMappingsArgs extends EnsuredArgs {
  /** Username of the user, who must be there. */
  username: pulumi.Input<string>;
  /** Names of the realm roles to map directly. */
  roles: pulumi.Input<pulumi.Input<string>[]>;
  /** The role among them that is created by the same program, so that a preview does not call it missing. */
  ownRole: pulumi.Input<string>;
}

/** Direct realm role mappings of a user. Mappings that are not named here are left alone. */
export class RoleMappings extends EnsuredResource {
  constructor(name: string, args: RoleMappingsArgs, options?: pulumi.CustomResourceOptions) {
    super("RoleMappings", "role-mappings", name, given(args), options);
  }
}
