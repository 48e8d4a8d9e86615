// A developer's own stack: the only one with a default password, which it may also hold in the clear, and the only one
// whose realm is deleted without being asked twice.
import * as pulumi from "@pulumi/pulumi";

export const isDevStack = () => pulumi.getStack() === "dev";
