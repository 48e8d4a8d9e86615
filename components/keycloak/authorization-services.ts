// What the admin API knows about a client's authorization services: resources, permissions and the policies behind
// them. Only read.
import type { ClientRepresentation, Realm, User } from "./realm.ts";

type Client = ClientRepresentation & { readonly id: string };

export interface Resource {
  readonly name: string;
  readonly uris: readonly string[];
  /** Names of its scopes. */
  readonly scopes: readonly string[];
}

/** A permission, and what Keycloak decides by it for one user. */
export interface Permission {
  readonly name: string;
  readonly denies: boolean;
  readonly policies: readonly Policy[];
}

interface Policy {
  readonly name: string;
  readonly denies: boolean;
  /** What a role policy asks for. */
  readonly roles: readonly WantedRole[];
}

export interface WantedRole {
  readonly name: string;
  /** clientId, if it is a role of a client. */
  readonly client?: string;
  /** If not, one of the policy's roles is enough. */
  readonly isRequired: boolean;
}

/** More than any client has. */
const max = 10_000;

/** All resources of a client. */
export async function resourcesOf(realm: Realm, { id, clientId }: Client): Promise<Resource[]> {
  const found = await realm.find("own resources", id, `Reading the resources of client '${clientId}'`, () =>
    realm.admin.clients.listResources({ realm: realm.name, id, first: 0, max }),
  );
  return (found ?? []).map(resourceOf);
}

/** One of them; undefined if it is gone. */
export async function resource(
  realm: Realm,
  { id, clientId }: Client,
  resourceId: string,
): Promise<Resource | undefined> {
  const attempt = `Reading resource ${resourceId} of client '${clientId}'`;
  const found = await realm.find("own resources", resourceId, attempt, () =>
    realm.admin.clients.getResource({ realm: realm.name, id, resourceId }),
  );
  return found && resourceOf(found);
}

function resourceOf({ name = "", uris = [], scopes = [] }: Resources[number]): Resource {
  return { name, uris, scopes: scopes.flatMap(({ name: scope }) => scope ?? []) };
}

type Clients = Realm["admin"]["clients"];
type Resources = Awaited<ReturnType<Clients["listResources"]>>;
type Evaluation = Awaited<ReturnType<Clients["evaluateResource"]>>;
type Result = NonNullable<NonNullable<NonNullable<Evaluation["results"]>[number]["policies"]>[number]>;

/** The permissions about a resource and a scope, as Keycloak itself evaluates them for a user: it changes nothing. */
export async function permissionsFor(
  realm: Realm,
  { id, clientId }: Client,
  user: User,
  resourceId: string,
  scope: string,
): Promise<Permission[]> {
  const evaluated = await realm.find(
    "own permissions",
    `${id} ${user.id} ${resourceId} ${scope}`,
    `Evaluating the permissions of user '${user.username}' at client '${clientId}'`,
    () =>
      realm.admin.clients.evaluateResource(
        { realm: realm.name, id },
        {
          userId: user.id,
          clientId: id,
          roleIds: [],
          entitlements: false,
          context: { attributes: {} },
          resources: [{ _id: resourceId, scopes: [{ name: scope }] }],
        },
      ),
  );
  // Those about other scopes of the resource are listed as well.
  const permissions = (evaluated?.results ?? [])
    .flatMap(({ policies = [] }) => policies)
    .filter(({ policy }) => policy?.type === "resource" || policy?.scopes?.includes(scope));
  return Promise.all(
    permissions.map(async (result) => ({
      name: result.policy?.name ?? "",
      denies: denies(result),
      policies: await Promise.all(leavesOf(result).map((leaf) => policyOf(realm, id, leaf))),
    })),
  );
}

/** The policies that a permission rests on, those inside aggregated ones included. */
function leavesOf({ associatedPolicies = [] }: Result): Result[] {
  return associatedPolicies.flatMap((each) => (each.associatedPolicies?.length ? leavesOf(each) : [each]));
}

const denies = ({ status }: Result) => `${status}` === "DENY";

async function policyOf(realm: Realm, id: string, result: Result): Promise<Policy> {
  const { id: policyId, name = "", type, logic } = result.policy ?? {};
  const asksForRoles = type === "role" && `${logic}` !== "NEGATIVE" && policyId !== undefined;
  return { name, denies: denies(result), roles: asksForRoles ? await rolesOf(realm, id, policyId) : [] };
}

async function rolesOf(realm: Realm, id: string, policyId: string): Promise<WantedRole[]> {
  const policy: unknown = await realm.find("own permissions", policyId, "Reading a role policy", () =>
    realm.admin.clients.findOnePolicyWithType({ realm: realm.name, id, type: "role", policyId }),
  );
  const roles =
    typeof policy === "object" && policy !== null && "roles" in policy && Array.isArray(policy.roles)
      ? policy.roles
      : [];
  const named = await Promise.all(
    roles.map(async ({ id: roleId, required }): Promise<WantedRole | undefined> => {
      const role = await realm.realmRoleById(String(roleId));
      if (!role) return undefined;
      const owner = role.clientRole ? await clientIdOf(realm, role.containerId) : undefined;
      return { name: role.name, isRequired: required === true, ...(owner && { client: owner }) };
    }),
  );
  return named.filter((role) => role !== undefined);
}

async function clientIdOf(realm: Realm, id: string | undefined): Promise<string | undefined> {
  return (await realm.clients()).find((client) => client.id === id)?.clientId;
}

/** Does the user have the role, directly or by a group or another role? */
export async function hasRole(realm: Realm, user: User, { name, client }: WantedRole): Promise<boolean> {
  const { users } = realm.admin;
  const whose = { realm: realm.name, id: user.id };
  const clientUniqueId = client === undefined ? undefined : (await realm.client(client)).id;
  const roles = await realm.find(
    "role mappings",
    `all ${user.id} ${client ?? ""}`,
    `Reading the roles of user '${user.username}'`,
    () =>
      clientUniqueId === undefined
        ? users.listCompositeRealmRoleMappings(whose)
        : users.listCompositeClientRoleMappings({ ...whose, clientUniqueId }),
  );
  return (roles ?? []).some((role) => role.name === name);
}
