// Explains why authz-keycloak would let a request fail, because Keycloak's own answer rarely does.
import leven from "leven";
import { asFailure, Failure } from "../failure.ts";
import {
  hasRole,
  type Permission,
  permissionsFor,
  type Resource,
  resource,
  resourcesOf,
  type WantedRole,
} from "../keycloak/authorization-services.ts";
import type { ClientRepresentation, Realm } from "../keycloak/realm.ts";
import type { Answer } from "../keycloak/session.ts";
import { claimsOf, rolesIn } from "../keycloak/tokens.ts";
import type { TokenCheckInputs } from "./inputs.ts";

type Client = ClientRepresentation & { readonly id: string };

/** The failure if the plugin gets no token for the service account, or none that may look resources up. */
export function explainNoRules(client: Client, inputs: TokenCheckInputs, answer: Answer): Failure {
  return new Failure(
    `APISIX's authz-keycloak would refuse every request (client '${inputs.client}' in realm '${inputs.realm}'): Keycloak answered ${said(answer)}; ${
      causeInClient(client, answer) ?? `see the settings of client '${inputs.client}'`
    }.`,
  );
}

/** Each of these is a switch of the client, or a role of its service account. */
function causeInClient(client: Client, { body }: Answer): string | undefined {
  const where = (...places: string[]) => `(${["Clients", client.clientId, ...places].join(", ")})`;
  if (client.publicClient) {
    return `the client is public, and the plugin needs its secret: switch 'Client authentication' on ${where("Settings")}`;
  }
  if (client.serviceAccountsEnabled !== true) {
    return `the client has no service account: switch 'Service accounts roles' on ${where("Settings")}`;
  }
  if (client.authorizationServicesEnabled !== true) {
    return `its authorization services are off: switch 'Authorization' on ${where("Settings")}`;
  }
  if (body.error === "invalid_scope") {
    return `its service account lacks the role 'uma_protection' of the client: assign it ${where("Service accounts roles")}`;
  }
  if (body.error === "not_supported") {
    return `its remote resource management is off: switch it on ${where("Authorization", "Settings")}`;
  }
  return undefined;
}

/** The failure if no resource has a URI for the path. */
export async function explainUnknownPath(
  realm: Realm,
  client: Client,
  inputs: TokenCheckInputs,
  request: string,
  path: string,
): Promise<Failure> {
  const where = `Clients, ${inputs.client}, Authorization, Resources`;
  const cause = await resourcesOf(realm, client).then((resources) => {
    const near = nearest(path, resources);
    return near
      ? `the nearest is '${near.uri}' of resource '${near.name}', so correct the path, or add it there (${where})`
      : `the client has no resource with a URI: import CX's, or add one (${where})`;
  }, notAllowedToLook);
  return refusedBy(inputs, request, `Keycloak knows no resource with a URI for '${path}'; ${cause}`);
}

/** The URI that shares the most leading segments with the path; among several, the one that differs least. */
export function nearest(
  path: string,
  resources: readonly Pick<Resource, "name" | "uris">[],
): { name: string; uri: string } | undefined {
  const segments = path.split("/");
  const shared = (uri: string) => {
    const differs = uri.split("/").findIndex((each, at) => each !== segments[at]);
    return differs < 0 ? Number.POSITIVE_INFINITY : differs;
  };
  return resources
    .flatMap(({ name, uris }) => uris.map((uri) => ({ name, uri })))
    .toSorted((a, b) => shared(b.uri) - shared(a.uri) || leven(path, a.uri) - leven(path, b.uri))[0];
}

interface Refused {
  readonly request: string;
  readonly method: string;
  /** Ids of the resources that were asked for. */
  readonly ids: readonly string[];
  readonly answer: Answer;
}

/** The customer's token, and the realm roles in it. */
interface Held {
  readonly token: string;
  readonly roles: readonly string[];
}

/** The failure if Keycloak does not grant a request to the customer. */
export async function explainDenial(
  realm: Realm,
  client: Client,
  inputs: TokenCheckInputs,
  { request, method, ids, answer }: Refused,
  held: Held,
): Promise<Failure> {
  const why =
    answer.status === 401
      ? "it has accepted the token before, so see whether others have ended its session"
      : await causeInRules(realm, client, inputs, method, ids, held).catch(notAllowedToLook);
  const otherwise = `try it out (Clients, ${inputs.client}, Authorization, Evaluate)`;
  return refusedBy(inputs, request, `Keycloak answered ${said(answer)}; ${why ?? otherwise}`);
}

async function causeInRules(
  realm: Realm,
  client: Client,
  inputs: TokenCheckInputs,
  scope: string,
  ids: readonly string[],
  held: Held,
): Promise<string | undefined> {
  const user = await realm.user(inputs.username);
  const where = (place: string) => `(Clients, ${inputs.client}, Authorization, ${place})`;
  for (const id of user ? ids : []) {
    const asked = await resource(realm, client, id);
    if (!user || !asked) continue;
    if (!asked.scopes.includes(scope)) {
      return `resource '${asked.name}' has no scope '${scope}': add it ${where("Resources")}`;
    }
    const permissions = await permissionsFor(realm, client, user, id, scope);
    if (permissions.length === 0) {
      return `no permission is about scope '${scope}' of resource '${asked.name}': add one ${where("Permissions")}`;
    }
    const denial = findDenial(permissions, held);
    if (!denial) continue;
    const { permission, policy, roles } = denial;
    const denies = `policy '${policy}' of permission '${permission}' denies it`;
    if (roles.length === 0) return `${denies}: see its conditions ${where("Policies")}`;
    const asksFor = `${denies}, because it asks for ${roles.map(inWords).join(" or ")}`;
    const has = await Promise.all(roles.map((role) => hasRole(realm, user, role)));
    return has.includes(true)
      ? `${asksFor}, which the user has but the token lacks: switch 'Full scope allowed' on (Clients, ${inputs.client}, Client scopes, ${inputs.client}-dedicated, Scope), and see that the client has the client scope 'roles'`
      : `${asksFor}, which the user lacks: map it (Users, ${inputs.username}, Role mapping)`;
  }
  return undefined;
}

interface Denial {
  readonly permission: string;
  readonly policy: string;
  /** The roles that the token lacks, one of which would do; none if it is not about roles. */
  readonly roles: readonly WantedRole[];
}

/**
 * The first policy that denies. Keycloak's evaluation may give the user roles that the token lacks, so a role policy that
 * grants there may be the one that denied.
 */
export function findDenial(permissions: readonly Permission[], held: Held): Denial | undefined {
  const denying = permissions.filter(({ denies }) => denies);
  const denials = (denying.length > 0 ? denying : permissions).flatMap(({ name, policies }) =>
    policies.flatMap((policy) => {
      const roles = lackingRoles(policy.roles, held);
      return policy.denies || roles.length > 0 ? [{ permission: name, policy: policy.name, roles }] : [];
    }),
  );
  return denials[0];
}

/** One that is required or, if none of the others is held, all of these. */
function lackingRoles(wanted: readonly WantedRole[], held: Held): readonly WantedRole[] {
  const lacking = wanted.filter((role) => !holds(held, role));
  const required = lacking.find(({ isRequired }) => isRequired);
  if (required) return [required];
  return lacking.length === wanted.length ? lacking : [];
}

function holds({ token, roles }: Held, { name, client }: WantedRole): boolean {
  if (client === undefined) return roles.includes(name);
  const { resource_access: access } = claimsOf(token);
  const ofClient = Object.entries(access ?? {}).find(([clientId]) => clientId === client)?.[1];
  return rolesIn(ofClient)?.includes(name) ?? false;
}

function inWords({ name, client }: WantedRole): string {
  return client === undefined ? `realm role '${name}'` : `role '${name}' of client '${client}'`;
}

function said({ status, body }: Answer): string {
  const words = [body.error, body.error_description].filter((each) => typeof each === "string").join(": ");
  return `${status}${words && ` (${words})`}`;
}

function notAllowedToLook(error: unknown): string {
  const { status, message } = asFailure(error);
  return status === 403
    ? "for the cause, give the admin the client role 'view-authorization' for this realm, and run the command again"
    : `the cause could not be looked up: ${message.replace(/\.$/, "")}`;
}

function refusedBy({ username, client, realm }: TokenCheckInputs, request: string, why: string): Failure {
  return new Failure(
    `APISIX's authz-keycloak would refuse '${request}' to user '${username}' (client '${client}' in realm '${realm}'): ${why}.`,
  );
}
