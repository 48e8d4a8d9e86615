// What stands under a route's `plugins`.
import type { AuthzKeycloakPlugin } from "./authz-keycloak.ts";
import type { OpenidConnectPlugin } from "./openid-connect.ts";

/** By name, the plugins that check a request's token and, with `authorizedRequests`, whether it is allowed. */
export interface ApisixPlugins {
  /** Who is let in. */
  "openid-connect": OpenidConnectPlugin;
  /** Only with `authorizedRequests`. */
  "authz-keycloak"?: AuthzKeycloakPlugin;
}
