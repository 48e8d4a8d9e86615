import type * as pulumi from "@pulumi/pulumi";
import { type EnsuredArgs, EnsuredResource, given } from "./ensured.ts";

export interface RealmRoleArgs extends EnsuredArgs {
  /** Name of the realm role. */
  role: pulumi.Input<string>;
}

/** A realm role: looked up first, created only if it is missing, and left as it is if it exists. */
export class RealmRole extends EnsuredResource {
  constructor(name: string, args: RealmRoleArgs, options?: pulumi.CustomResourceOptions) {
    super("RealmRole", "realmRole", name, given(args), options);
  }
}
