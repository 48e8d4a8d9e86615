// Authorization services of the shape that CX's realm import brings: resources with URIs, scopes named like HTTP methods,
// role policies, and permissions.
import type { TestRealm } from "../../rig/keycloak/realm.ts";

/** The client's switches that it needs. */
export const authorizationOn = { serviceAccountsEnabled: true, authorizationServicesEnabled: true };

const named = (...names: string[]) => names.map((name) => ({ name }));

function permission(type: "scope" | "resource", name: string, policy: string, about: object) {
  const config = { applyPolicies: JSON.stringify([policy]), ...about };
  return { name, type, logic: "POSITIVE", decisionStrategy: "UNANIMOUS", config };
}

function scopePermission(name: string, policy: string, resource: string, scope: string) {
  const about = { resources: JSON.stringify([resource]), scopes: JSON.stringify([scope]) };
  return permission("scope", name, policy, about);
}

function rolePolicy(name: string, role: string) {
  const config = { roles: JSON.stringify([{ id: role, required: false }]) };
  return { name, type: "role", logic: "POSITIVE", decisionStrategy: "UNANIMOUS", config };
}

/** Customers, by their realm role, may read channels and nothing else. */
function settings(customerRole: string, agentRole: string): object {
  return {
    allowRemoteResourceManagement: true,
    policyEnforcementMode: "ENFORCING",
    decisionStrategy: "UNANIMOUS",
    scopes: named("GET", "POST", "PUT", "DELETE"),
    resources: [
      {
        name: "channels",
        uris: ["/ccm/channels", "/ccm/channels/*"],
        scopes: named("GET", "POST", "DELETE"),
      },
      { name: "agents", type: "people", uris: ["/ccm/agents/*"], scopes: named("GET") },
    ],
    policies: [
      rolePolicy("customers", customerRole),
      rolePolicy("agents", agentRole),
      scopePermission("read channels", "customers", "channels", "GET"),
      scopePermission("write channels", "agents", "channels", "POST"),
      permission("resource", "agents alone", "agents", { defaultResourceType: "people" }),
    ],
  };
}

export class AuthorizationServices {
  readonly #realm: TestRealm;
  readonly #path: string;

  private constructor(realm: TestRealm, path: string) {
    this.#realm = realm;
    this.#path = path;
  }

  /** Fills those of client `cim`, which has been created with {@link authorizationOn}. */
  static async fill(realm: TestRealm, customerRole: string): Promise<AuthorizationServices> {
    const services = new AuthorizationServices(
      realm,
      `/clients/${(await realm.client()).id}/authz/resource-server`,
    );
    // What old releases bring by themselves matches every path.
    for (const { _id } of await services.#ask("GET", "/resource")) {
      await services.#ask("DELETE", `/resource/${_id}`);
    }
    await realm.admin("POST", "/roles", { name: "agent" });
    await services.#ask("POST", "/import", settings(customerRole, "agent"));
    return services;
  }

  async change(changes: object): Promise<void> {
    await this.#ask("PUT", "", { ...(await this.#ask("GET", "")), ...changes });
  }

  /** Lets one more policy decide who reads channels. */
  async addPolicy(type: string, policy: object): Promise<void> {
    await this.#ask("POST", `/policy/${type}`, { name: "another", type, logic: "POSITIVE", ...policy });
    await this.#ask("POST", "/permission/scope", {
      name: "read channels as well",
      resources: ["channels"],
      scopes: ["GET"],
      policies: ["another"],
    });
  }

  #ask(method: string, path: string, body?: object) {
    return this.#realm.admin(method, `${this.#path}${path}`, body);
  }
}
