// The configuration of APISIX's `authz-keycloak` plugin, which lets Keycloak decide about each request.

/** The object under `authz-keycloak` in a route's `plugins`, with the fields that CX ships. */
export interface AuthzKeycloakPlugin {
  /** Keycloak is asked which resource a request's path belongs to. */
  lazy_load_paths: true;
  /** The resource's scope is the request's method: `GET`. */
  http_method_as_scope: true;
  /** Where resources are looked up. */
  resource_registration_endpoint: string;
  /** Address of the realm's `/.well-known/uma2-configuration`, as APISIX reaches it. */
  discovery: string;
  /** clientId of the client whose resources and permissions count. */
  client_id: string;
  /** The plugin looks resources up as the client's service account, so a public client cannot have it. */
  client_secret: string;
}

interface AuthzKeycloakSource {
  readonly realm: string;
  readonly client: string;
  readonly clientSecret: string;
  /** Where APISIX reaches Keycloak, base path included. */
  readonly keycloak: string;
}

export function authzKeycloakPlugin(source: AuthzKeycloakSource): AuthzKeycloakPlugin {
  const realm = `${source.keycloak.replace(/\/+$/, "")}/realms/${encodeURIComponent(source.realm)}`;
  return {
    lazy_load_paths: true,
    http_method_as_scope: true,
    resource_registration_endpoint: `${realm}/authz/protection/resource_set`,
    discovery: `${realm}/.well-known/uma2-configuration`,
    client_id: source.client,
    client_secret: source.clientSecret,
  };
}
