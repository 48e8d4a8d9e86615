import * as pulumi from "@pulumi/pulumi";
import { type EnsuredArgs, EnsuredResource, given } from "./ensured.ts";

export interface PasswordArgs extends EnsuredArgs {
  /** Username of the user, which must be there. */
  username: pulumi.Input<string>;
  /** The password; always kept as a secret. */
  password: pulumi.Input<string>;
  /** clientId of a client that allows direct grants: a login there tells whether a password is right already. */
  client: pulumi.Input<string>;
}

/**
 * The user's password: not temporary, and no required action (OTP excepted) in the way of a login. It is set
 * when it is new, was changed in the configuration, or was changed by somebody; one that is right is not set
 * again. Deleting the resource leaves the password as it is: the earlier one cannot be read.
 */
export class Password extends EnsuredResource {
  constructor(name: string, args: PasswordArgs, options?: pulumi.CustomResourceOptions) {
    super("Password", "password", name, { ...given(args), password: pulumi.secret(args.password) }, options);
  }
}
