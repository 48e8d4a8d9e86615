import type * as pulumi from "@pulumi/pulumi";
import { type EnsuredArgs, EnsuredResource, given } from "./ensured.ts";

export interface UserArgs extends EnsuredArgs {
  /** Username; Keycloak keeps it in lower case. */
  username: pulumi.Input<string>;
  /**
   * Values for attributes of the realm's user profile (`email`, `firstName`, `lastName`, or the realm's own). A
   * given value is enforced. A required attribute that is missing gets a default that passes the profile's
   * validators. An existing value is never blanked.
   */
  profile?: pulumi.Input<Record<string, pulumi.Input<string>>>;
}

/** The user that tokens are issued for: enabled, email verified, complete as the realm's profile requires. */
export class User extends EnsuredResource {
  constructor(name: string, args: UserArgs, options?: pulumi.CustomResourceOptions) {
    super("User", "user", name, given(args), options);
  }
}
