// What the components' arguments have in common: checked before any resource is registered, as far as they are known.
import * as pulumi from "@pulumi/pulumi";
import { addressShape, isAddress } from "./address.ts";
import { problemWith } from "./authorized-requests.ts";
import { defaultNamespace, secretKeys } from "./keycloak/connection.ts";
import { isPlaintextConfig, orElse } from "./pulumi-internals.ts";
import { requireProvider } from "./resources/dynamic-resource.ts";

/** @throws pulumi.ResourceError */
export function refuse(component: pulumi.Resource, message: string): never {
  const error = new pulumi.ResourceError(message, component, true);
  // Pulumi would put "error serializing property …" in front, once for each resource that waits for the argument.
  Object.defineProperty(error, "message", { get: () => message, set: () => {} });
  throw error;
}

/** What an argument may be. */
export interface Shape {
  /** Completes the sentence "client must be …". */
  readonly words: string;
  readonly accepts: (value: unknown) => boolean;
  /** An Output may stand for the value. */
  readonly isInput?: true;
  readonly isRequired?: true;
  readonly isSecret?: true;
}

/** The shape of every argument, so that the compiler finds a missing one. */
export type Shapes<Args> = Readonly<Record<keyof Args & string, Shape>>;

const isText = (value: unknown) => typeof value === "string";
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);

export const text: Shape = { words: "a string", accepts: isText };
export const texts: Shape = { words: "a list of strings", accepts: isTexts };
export const flag: Shape = { words: "true or false", accepts: (value) => typeof value === "boolean" };
export const attributes: Shape = {
  words: "an object of attributes, each a string",
  accepts: (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(isText),
};
export const input = (shape: Shape): Shape => ({ ...shape, isInput: true });
export const required = (shape: Shape): Shape => ({ ...shape, isRequired: true });

/**
 * The arguments, checked where no type has done so: in JavaScript, and what an Output turns out to be.
 * @throws pulumi.ResourceError that names the argument; at once, if it is known.
 */
export function checkedArguments<Args extends object>(
  component: pulumi.Resource,
  args: Args,
  shapes: Shapes<Args>,
): Args {
  const all = Object.entries<Shape>(shapes);
  if (typeof args !== "object" || args === null) {
    const least = all.flatMap(([name, { isRequired }]) => (isRequired ? [name] : []));
    refuse(component, `arguments are missing: give at least ${least.join(", ")}.`);
  }
  const given = new Map<string, unknown>(Object.entries(args));
  const checked = all.map(([name, shape]) => [
    name,
    checkedArgument(component, name, shape, given.get(name)),
  ]);
  return Object.fromEntries(checked) as Args;
}

function checkedArgument(component: pulumi.Resource, name: string, shape: Shape, given: unknown): unknown {
  const { words, accepts, isInput, isRequired, isSecret } = shape;
  const checked = (value: unknown) => {
    const isMissing = value === undefined || value === null;
    if (isRequired && (isMissing || value === ""))
      refuse(component, `${name} is empty or undefined: see where the program takes it from.`);
    if (!isMissing && !accepts(value)) refuse(component, `${name} must be ${words}.`);
    return value ?? undefined;
  };
  if (isInput && isPending(given)) {
    return orElse(pulumi.output(given), (error) => {
      // Another component has refused it already.
      if (pulumi.ResourceError.isInstance(error)) throw error;
      // Whoever parses a secret may find it in the message.
      const why = isSecret ? "." : `: ${error instanceof Error ? error.message : error}`;
      refuse(component, `${name} cannot be read, because what the program gives for it has failed${why}`);
    }).apply(checked);
  }
  if (!isInput && isPending(given, false))
    refuse(component, `${name} must be known at once: it cannot be an Output or a Promise.`);
  return checked(given);
}

/** Is the value, or something in it, known only later? */
function isPending(value: unknown, within = true): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (pulumi.Output.isInstance(value) || value instanceof Promise) return true;
  return within && Object.values(value).some((each) => isPending(each, false));
}

/** @throws pulumi.ResourceError if the provider cannot be loaded, or the stack keeps Keycloak's credentials in plain text. */
export function requireConnection(component: pulumi.Resource, connection: string | undefined): void {
  requireProvider(component);
  const namespace = connection || defaultNamespace;
  for (const key of secretKeys) {
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
