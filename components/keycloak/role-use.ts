// Who uses a realm role, as a partial export of the realm tells. When a role is deleted, Keycloak takes it away from
// all of them without a word; up to 24 it also deletes authorization policies that named no other role. A mapper or a
// login flow that names it no longer does its work.
import type { RealmRepresentation } from "./realm.ts";
import { parsed } from "./tokens.ts";

type Json = Readonly<Record<string, unknown>>;

/** Each use in words: "group '/agents'". */
export function usesOfRole(realm: RealmRepresentation, name: string): string[] {
  const { roles, groups, scopeMappings, clients, clientScopes, identityProviderMappers } = objectOf(realm);
  const { authenticatorConfig, components } = objectOf(realm);
  const { realm: realmRoles, client: clientRoles } = objectOf(roles);
  const ofClients = Object.entries(objectOf(clientRoles)).flatMap(([client, all]) =>
    composites(all, name).map((role) => `role '${role}' of client '${client}' includes it`),
  );
  return [
    ...composites(realmRoles, name).map((role) => `realm role '${role}' includes it`),
    ...ofClients,
    ...groupsWith(groups, name).map((path) => `group '${path}' has it`),
    ...listOf(scopeMappings)
      .filter((mapping) => namesOf(mapping.roles).includes(name))
      .map(({ client, clientScope }) =>
        client ? `client '${client}' has it in its scope` : `client scope '${clientScope}' has it`,
      ),
    ...listOf(clients).flatMap((client) => usesOfClient(client, name)),
    ...listOf(clientScopes).flatMap((scope) => mappersWith(scope.protocolMappers, name)),
    ...mappersWith(identityProviderMappers, name),
    ...listOf(authenticatorConfig)
      .filter(({ config }) => objectOf(config).condUserRole === name)
      .map(({ alias }) => `the authentication flow's condition '${alias}' names it`),
    ...inComponents(components, name),
  ];
}

/** Mappers of user federations, whose settings are lists. */
function inComponents(components: unknown, name: string): string[] {
  return Object.values(objectOf(components))
    .flatMap(listOf)
    .flatMap((component) => [
      ...(namesOf(objectOf(component.config).role).includes(name)
        ? [`mapper '${component.name}' names it`]
        : []),
      ...inComponents(component.subComponents, name),
    ]);
}

function composites(roles: unknown, name: string): string[] {
  return listOf(roles)
    .filter(({ composites }) => namesOf(objectOf(composites).realm).includes(name))
    .map((role) => String(role.name));
}

function groupsWith(groups: unknown, name: string): string[] {
  return listOf(groups).flatMap(({ path, realmRoles, subGroups }) => [
    ...(namesOf(realmRoles).includes(name) ? [String(path)] : []),
    ...groupsWith(subGroups, name),
  ]);
}

function usesOfClient({ clientId, authorizationSettings, protocolMappers }: Json, name: string): string[] {
  const policies = listOf(objectOf(authorizationSettings).policies).filter(
    ({ type, config }) => type === "role" && rolesOfPolicy(objectOf(config).roles).includes(name),
  );
  return [
    ...policies.map((policy) => `policy '${policy.name}' of client '${clientId}' asks for it`),
    ...mappersWith(protocolMappers, name),
  ];
}

/** The policy's own JSON: `[{"id":"customer","required":false}]`. */
function rolesOfPolicy(roles: unknown): string[] {
  return listOf(parsed(String(roles))).map(({ id }) => String(id));
}

function mappersWith(mappers: unknown, name: string): string[] {
  return listOf(mappers)
    .filter(({ config }) => objectOf(config).role === name)
    .map((mapper) => `mapper '${mapper.name}' names it`);
}

function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

function namesOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
