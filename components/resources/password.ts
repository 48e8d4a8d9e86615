import * as pulumi from "@pulumi/pulumi";
import { type EnsuredArgs, EnsuredResource, given } from "./ensured.ts";

export interface PasswordArgs extends EnsuredArgs {
  /** Username of the user, which must exist. */
  username: pulumi.Input<string>;
  /** The password; always kept as a secret. */
  password: pulumi.Input<string>;
  /**
   * clientId of a client that allows direct grants: a login with it checks whether the password is already correct.
   */
  client: pulumi.Input<string>;
  /**
   * Set the password only if the user has none. Whoever changes it later has the last word.
   * @default false
   */
  keep?: pulumi.Input<boolean | undefined>;
  /**
   * Who else must know the password: named where one that may be in use is replaced.
   * @default "whoever logs in with it"
   */
  neededBy?: string;
}

/**
 * The user's password: not temporary, and without a required action (OTP excepted) that blocks a login. It is set
 * if it is missing, wrong, expired, or changed in the configuration; a correct one is not set again. Deleting the
 * resource cannot restore an earlier password, because passwords cannot be read.
 */
export class Password extends EnsuredResource {
  constructor(name: string, args: PasswordArgs, options?: pulumi.CustomResourceOptions) {
    const { neededBy, ...inputs } = given(args);
    super(
      "Password",
      "password",
      name,
      { ...inputs, password: pulumi.secret(args.password), ...(neededBy && { __neededBy: neededBy }) },
      options,
    );
  }
}
