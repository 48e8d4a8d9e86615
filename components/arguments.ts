// What the components' arguments have in common: checked before any resource is registered, as far as they are known.
import * as pulumi from "@pulumi/pulumi";
import { addressShape, isAddress } from "./address.ts";
import { problemWith } from "./authorized-requests.ts";
import { isPlaintextConfig } from "./pulumi-internals.ts";
import { requireProvider } from "./resources/dynamic-resource.ts";

/** @throws pulumi.ResourceError */
export function refuse(component: pulumi.Resource, message: string): never {
  throw new pulumi.ResourceError(message, component, true);
}

/** @throws pulumi.ResourceError if the provider cannot be loaded, or the stack keeps Keycloak's credentials in plain text. */
export function requireConnection(component: pulumi.Resource, connection: string | undefined): void {
  requireProvider(component);
  const namespace = connection || "keycloak";
  for (const key of ["password", "clientSecret"]) {
    if (!isPlaintextConfig(`${namespace}:${key}`)) continue;
    refuse(
      component,
      `${namespace}:${key} is in the clear, and would get into the state like that: pass it by the environment, or encrypt it with ${pulumiCommand()} config set --secret ${namespace}:${key} --stack ${pulumi.getStack()}`,
    );
  }
}

/** In a clone of this repository npm runs the CLI, and says so. */
function pulumiCommand(): string {
  return process.env.npm_package_name === "keycloak-apisix" ? "npm run pulumi --" : "pulumi";
}

export function textOr(otherwise: string, value?: pulumi.Input<string>): pulumi.Output<string> {
  return pulumi.output(value).apply((text) => text || otherwise);
}

/** @throws pulumi.ResourceError if it is not an address; at once, if it is known. */
export function addressOf(
  component: pulumi.Resource,
  name: string,
  given: pulumi.Input<string | undefined> | undefined,
): pulumi.Output<string | undefined> | undefined {
  const checked = (text: string | undefined) => {
    if (!text || isAddress(text)) return text || undefined;
    return refuse(component, `${name} must be ${addressShape}.`);
  };
  if (typeof given === "object") return pulumi.output(given).apply(checked);
  const known = checked(given);
  return known === undefined ? undefined : pulumi.output(known);
}

/** @throws pulumi.ResourceError that names a bad request or one that is there twice; at once, if that is known. */
export function requestsOf(
  component: pulumi.Resource,
  given: pulumi.Input<pulumi.Input<string>[]> | undefined,
): pulumi.Output<string[]> | undefined {
  if (given === undefined) return undefined;
  const checked = (requests: string[]) => {
    const problem = problemWith(requests);
    return problem === undefined ? requests : refuse(component, `authorizedRequests ${problem}`);
  };
  const isKnown = Array.isArray(given) && given.every((each) => typeof each === "string");
  return isKnown ? pulumi.output(checked(given)) : pulumi.output(given).apply(checked);
}

/** @throws pulumi.ResourceError if there is none; at once, if that is known. */
export function passwordOf(
  component: pulumi.Resource,
  name: string,
  given: pulumi.Input<string> | undefined,
): pulumi.Output<string> {
  const missing = `${name} is missing: it has no default; give the component a secret, for example config.requireSecret("${name}").`;
  if (!given) refuse(component, missing);
  return pulumi.secret(given).apply((password) => password || refuse(component, missing));
}
