// Who else may use a realm role: how an admin makes it so, and the words in which `destroy` names the use.
import { type Representation, server, type TestRealm } from "../../rig/keycloak/realm.ts";
import { importUser } from "./realm-kinds.ts";

export interface RoleUse {
  /**
   * @param name a name that nothing in the realm has yet
   * @returns how to take it back, which works once the role is gone, too
   */
  give(realm: TestRealm, role: Representation, name: string): Promise<() => Promise<unknown>>;
  readonly words: RegExp;
}

async function makeClient(realm: TestRealm, clientId: string, settings: object = {}) {
  await realm.admin("POST", "/clients", { clientId, publicClient: false, ...settings });
  const { id }: { id: string } = await realm.client(clientId);
  const path = `/clients/${id}`;
  return { path, remove: () => realm.admin("DELETE", path) };
}

export const roleUses = {
  "another user": {
    async give(realm, role, name) {
      const username = `${name}@cx.example`;
      // An import, because no profile checks it.
      await importUser(realm, { username, email: username });
      const { id } = await realm.user(username);
      await realm.admin("POST", `/users/${id}/role-mappings/realm`, [role]);
      return () => realm.admin("DELETE", `/users/${id}`);
    },
    words: /user '.*@cx\.example' has it/,
  },
  "a service account": {
    async give(realm, role, name) {
      const { path, remove } = await makeClient(realm, name, { serviceAccountsEnabled: true });
      const { id } = await realm.admin("GET", `${path}/service-account-user`);
      await realm.admin("POST", `/users/${id}/role-mappings/realm`, [role]);
      return remove;
    },
    words: /user 'service-account-.*' has it/,
  },
  "a group in a group": {
    async give(realm, role, name) {
      await realm.admin("POST", "/groups", { name });
      const groups: Representation[] = await realm.admin("GET", "/groups");
      const outer = groups.find((group) => group.name === name);
      await realm.admin("POST", `/groups/${outer.id}/children`, { name: "agents" });
      const [inner] = server.isFrom("23.0.0")
        ? await realm.admin("GET", `/groups/${outer.id}/children`)
        : (await realm.admin("GET", `/groups/${outer.id}`)).subGroups;
      await realm.admin("POST", `/groups/${inner.id}/role-mappings/realm`, [role]);
      return () => realm.admin("DELETE", `/groups/${outer.id}`);
    },
    words: /group '\/.*\/agents' has it/,
  },
  "the default roles": {
    async give(realm, role) {
      const { defaultRole } = await realm.admin("GET", "");
      const path = `/roles-by-id/${defaultRole.id}/composites`;
      await realm.admin("POST", path, [role]);
      return async () => {
        if (await realm.role(role.name)) await realm.admin("DELETE", path, [role]);
      };
    },
    words: /realm role 'default-roles-.*' includes it/,
  },
  "a client's role": {
    async give(realm, role, name) {
      const { path, remove } = await makeClient(realm, name);
      await realm.admin("POST", `${path}/roles`, { name: "agent" });
      const agent = await realm.admin("GET", `${path}/roles/agent`);
      await realm.admin("POST", `/roles-by-id/${agent.id}/composites`, [role]);
      return remove;
    },
    words: /role 'agent' of client '.*' includes it/,
  },
  "a client's scope": {
    async give(realm, role, name) {
      const { path, remove } = await makeClient(realm, name);
      await realm.admin("POST", `${path}/scope-mappings/realm`, [role]);
      return remove;
    },
    words: /client '.*' has it in its scope/,
  },
  "a client scope": {
    async give(realm, role, name) {
      await realm.admin("POST", "/client-scopes", { name, protocol: "openid-connect" });
      const scopes: Representation[] = await realm.admin("GET", "/client-scopes");
      const scope = scopes.find((each) => each.name === name);
      await realm.admin("POST", `/client-scopes/${scope.id}/scope-mappings/realm`, [role]);
      return () => realm.admin("DELETE", `/client-scopes/${scope.id}`);
    },
    words: /client scope '.*' has it/,
  },
  "an authorization policy": {
    async give(realm, { id }, name) {
      const settings = { serviceAccountsEnabled: true, authorizationServicesEnabled: true };
      const { path, remove } = await makeClient(realm, name, settings);
      await realm.admin("POST", `${path}/authz/resource-server/policy/role`, {
        name: "only for them",
        roles: [{ id, required: false }],
      });
      return remove;
    },
    words: /policy 'only for them' of client '.*' asks for it/,
  },
  "a client's mapper": {
    async give(realm, role, name) {
      const { path, remove } = await makeClient(realm, name);
      await realm.admin("POST", `${path}/protocol-mappers/models`, {
        name: "always",
        protocol: "openid-connect",
        protocolMapper: "oidc-hardcoded-role-mapper",
        config: { role: role.name },
      });
      return remove;
    },
    words: /mapper 'always' names it/,
  },
  "an identity provider's mapper": {
    async give(realm, role, alias) {
      const path = "/identity-provider/instances";
      await realm.admin("POST", path, { alias, providerId: "oidc" });
      await realm.admin("POST", `${path}/${encodeURIComponent(alias)}/mappers`, {
        name: "everybody",
        identityProviderMapper: "oidc-hardcoded-role-idp-mapper",
        identityProviderAlias: alias,
        config: { role: role.name, syncMode: "INHERIT" },
      });
      return () => realm.admin("DELETE", `${path}/${encodeURIComponent(alias)}`);
    },
    words: /mapper 'everybody' names it/,
  },
  "the condition of a login flow": {
    async give(realm, role, alias) {
      const path = "/authentication/flows";
      await realm.admin("POST", path, { alias, providerId: "basic-flow", topLevel: true });
      const executions = `${path}/${encodeURIComponent(alias)}/executions`;
      await realm.admin("POST", `${executions}/execution`, { provider: "conditional-user-role" });
      const [{ id }] = await realm.admin("GET", executions);
      await realm.admin("POST", `/authentication/executions/${id}/config`, {
        alias: `only ${alias}`,
        config: { condUserRole: role.name },
      });
      const flows: Representation[] = await realm.admin("GET", path);
      const flow = flows.find((each) => each.alias === alias);
      return () => realm.admin("DELETE", `${path}/${flow.id}`);
    },
    words: /authentication flow's condition 'only .*' names it/,
  },
  "a user federation's mapper": {
    async give(realm, role, name) {
      const { id: parentId } = await realm.admin("GET", "");
      const make = async (component: object) => {
        await realm.admin("POST", "/components", component);
        const all: Representation[] = await realm.admin("GET", "/components");
        return all.find(
          (each) =>
            each.name === name && "providerType" in component && each.providerType === component.providerType,
        );
      };
      const federation = await make({
        name,
        parentId,
        providerId: "ldap",
        providerType: "org.keycloak.storage.UserStorageProvider",
        config: {
          enabled: ["false"],
          editMode: ["READ_ONLY"],
          vendor: ["other"],
          usernameLDAPAttribute: ["uid"],
          rdnLDAPAttribute: ["uid"],
          uuidLDAPAttribute: ["entryUUID"],
          userObjectClasses: ["inetOrgPerson"],
          connectionUrl: ["ldap://127.0.0.1:1"],
          usersDn: ["dc=example,dc=org"],
          authType: ["none"],
        },
      });
      await make({
        name,
        parentId: federation.id,
        providerId: "hardcoded-ldap-role-mapper",
        providerType: "org.keycloak.storage.ldap.mappers.LDAPStorageMapper",
        config: { role: [role.name] },
      });
      return () => realm.admin("DELETE", `/components/${federation.id}`);
    },
    words: /mapper '.*' names it/,
  },
  "roles that others added to it": {
    async give(realm, role) {
      const other = await realm.role("offline_access");
      const path = `/roles-by-id/${role.id}`;
      await realm.admin("POST", `${path}/composites`, [other]);
      return async () => {
        if (await realm.role(role.name)) await realm.admin("DELETE", `${path}/composites`, [other]);
      };
    },
    words: /other roles were added to it/,
  },
  "its description": {
    async give(realm, role) {
      const describe = async (description?: string) => {
        const now = await realm.role(role.name);
        if (now) await realm.admin("PUT", `/roles-by-id/${role.id}`, { ...now, description });
      };
      await describe("for agents");
      return () => describe(role.description);
    },
    words: /somebody has described it/,
  },
} satisfies Readonly<Record<string, RoleUse>>;

export type RoleUseName = keyof typeof roleUses;
export const roleUseNames = Object.keys(roleUses) as RoleUseName[];
