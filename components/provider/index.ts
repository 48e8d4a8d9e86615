// What the engine's provider process runs: a line in the state (resources/dynamic-resource.ts) loads this module from the
// installed package. A resource's `kind` input says which lifecycle it has.
import type { ReadConfig } from "./connection.ts";
import { asKeycloakError, KeycloakError } from "./errors.ts";
import { LoginError } from "./failures.ts";
import { audienceMapper } from "./kinds/audience-mapper.ts";
import { password } from "./kinds/password.ts";
import { realmRole } from "./kinds/realm-role.ts";
import { roleMappings } from "./kinds/role-mappings.ts";
import { user } from "./kinds/user.ts";
import { type Lifecycle, lifecycle } from "./lifecycle.ts";
import { ProviderProcess } from "./process.ts";
import { tokenCheck } from "./token-check.ts";

/** Properties as they come over the wire; each kind's resource class has typed them on the other side. */
type Properties = Record<string, unknown> & { readonly kind: string };

let lifecycles: ReadonlyMap<string, Lifecycle<never>> | undefined;

/**
 * Called before anything else; synchronous, because the host does not wait for it. The host calls it again for each
 * other text that loads this module, as an earlier version has left it in the state; all of them share what this run knows.
 * @param request an earlier text gives the function that reads the configuration
 */
export function configure(request: ReadConfig | { readonly config: { get: ReadConfig } }): void {
  const readConfig: ReadConfig = typeof request === "function" ? request : (key) => request.config.get(key);
  if (lifecycles) return;
  const process = new ProviderProcess(readConfig);
  lifecycles = new Map<string, Lifecycle<never>>([
    [audienceMapper.kind, lifecycle(audienceMapper, process) as Lifecycle<never>],
    [user.kind, lifecycle(user, process) as Lifecycle<never>],
    [password.kind, lifecycle(password, process) as Lifecycle<never>],
    [realmRole.kind, lifecycle(realmRole, process) as Lifecycle<never>],
    [roleMappings.kind, lifecycle(roleMappings, process) as Lifecycle<never>],
    ["token", tokenCheck(process) as Lifecycle<never>],
  ]);
}

export function check(olds: Properties, news: Properties) {
  return call(news, (lifecycle, own) => lifecycle.check(ownOf(olds) as never, own));
}
export function diff(_id: string, olds: Properties, news: Properties) {
  return call(news, (lifecycle, own) => lifecycle.diff(ownOf(olds) as never, own));
}
export function create(news: Properties) {
  return call(news, (lifecycle, own) => lifecycle.create(own));
}
export function read(id: string, properties: Properties) {
  return call(properties, (lifecycle, own) => withRecordedConnection(lifecycle.read(id, own)));
}
export function update(_id: string, olds: Properties, news: Properties) {
  return call(news, (lifecycle, own) => lifecycle.update(ownOf(olds) as never, own));
}
// `delete` is a reserved word, so the export is renamed.
function remove(_id: string, properties: Properties) {
  return call(properties, (lifecycle, own) => withRecordedConnection(lifecycle.delete(own)));
}

export { remove as delete };

/** Refresh and destroy run with the credentials that the last `up` recorded, which a rotation makes wrong. */
async function withRecordedConnection<Result>(action: Promise<Result>): Promise<Result> {
  try {
    return await action;
  } catch (error) {
    if (!(error instanceof LoginError)) throw error;
    throw new KeycloakError(
      `${error.message} Refresh and destroy use the connection that the last 'pulumi up' recorded: where it has changed since, run 'pulumi up' first, or add --run-program.`,
      { status: error.status, shared: true },
    );
  }
}

async function call<Result>(
  properties: Properties,
  action: (lifecycle: Lifecycle<never>, own: never) => Promise<Result>,
): Promise<Result> {
  try {
    if (!lifecycles) {
      throw new KeycloakError(
        "The connection to Keycloak is not known here: @pulumi/pulumi is older than 3.141 and gives dynamic providers no configuration; install a newer one.",
        { shared: true },
      );
    }
    const found = lifecycles.get(properties.kind);
    if (!found) {
      throw new KeycloakError(
        `This version of keycloak-apisix does not know the kind '${properties.kind}': the state was written by a newer one, so install that.`,
      );
    }
    return forState(await action(found, ownOf(properties) as never));
  } catch (error) {
    const failure = asKeycloakError(error);
    const { partial } = failure;
    // The host records a partial create from these very names.
    throw partial ? Object.assign(failure, forState(partial), { reasons: [failure.message] }) : failure;
  }
}

/** The wire knows no `undefined`; and `before`, a secret, is one text in the state, see {@link ownOf}. */
function forState<Result>(result: Result): Result {
  if (result === undefined) return result;
  const asText = (key: string, value: unknown) =>
    key === "before" && typeof value === "object" ? JSON.stringify(value) : value;
  return JSON.parse(JSON.stringify(result, asText));
}

/**
 * The text that loaded this is the host's business. What was found is one text, because the engine writes every value
 * in every secret anew with every step of a stack; earlier versions have left an object.
 */
function ownOf({ __provider: _text, ...rest }: Properties & { __provider?: unknown }): object {
  return typeof rest.before === "string" ? { ...rest, before: JSON.parse(rest.before) } : rest;
}
