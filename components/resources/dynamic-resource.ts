// What makes a resource one of ours: a Pulumi dynamic resource whose provider is the package that is installed where
// the program runs.
import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import type { KindName } from "../kinds/index.ts";
import { providerText } from "../provider/text.ts";

/**
 * What the constructor of `pulumi.CustomResource` needs for a resource like `pulumi.dynamic.Resource`, but with a
 * provider text written here. That class would have TypeScript's compiler make the text from a function. This takes a
 * quarter of a second, and the text changes with compilers and SDKs. It is also seven times as long, and the state,
 * which the engine rewrites with every step, holds it twice per resource. Type, property and form of the text are in
 * every stack's state, so no SDK can change them.
 *
 * It is not a class, because each constructor adds a frame to the stack trace that the state keeps of the resource.
 * @param type part of the resource's type token, and so of its URN: it can never change
 * @param kind name of its provider in kinds/index.ts
 */
export function dynamicResource(
  type: string,
  kind: KindName,
  name: string,
  inputs: pulumi.Inputs,
): [type: string, name: string, inputs: pulumi.Inputs] {
  return [
    `pulumi-nodejs:dynamic/keycloak-apisix:${type}`,
    name,
    { ...inputs, __provider: providerText(kind) },
  ];
}

/**
 * Older SDKs never call `configure`. The provider would have no methods, and the host treats a missing one as a
 * success.
 */
const oldest = { major: 3, minor: 139 };

/**
 * Explains what would otherwise be a failure of Node's module loader, or no failure at all.
 * @throws pulumi.ResourceError if the provider could not be loaded, or would not be configured.
 */
export function requireProvider(resource: pulumi.Resource): void {
  // With mocks there is no provider process, so tests may run anywhere.
  if (!pulumi.runtime.hasEngine()) return;
  const { version } = createRequire(import.meta.url)("@pulumi/pulumi/package.json") as { version: string };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < oldest.major || (major === oldest.major && minor < oldest.minor)) {
    throw new pulumi.ResourceError(
      `keycloak-apisix needs @pulumi/pulumi ${oldest.major}.${oldest.minor} or newer, and this program has ${version}: install a newer one.`,
      resource,
      true,
    );
  }
  try {
    createRequire(`${process.cwd()}/`).resolve("keycloak-apisix/provider");
  } catch {
    throw new pulumi.ResourceError(
      `The package keycloak-apisix is not installed where the program runs (${process.cwd()}): add it to the program's own dependencies, beside @pulumi/pulumi, also where another package brings the component.`,
      resource,
      true,
    );
  }
}
