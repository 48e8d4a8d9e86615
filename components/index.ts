// What other programs import.

export { ApiUser, type ApiUserArgs } from "./api-user.ts";
export type { AuthzKeycloakPlugin } from "./apisix/authz-keycloak.ts";
export type { OpenidConnectPlugin } from "./apisix/openid-connect.ts";
export type { ApisixPlugins } from "./apisix/plugins.ts";
export { ApisixEnablement, type ApisixEnablementArgs, type ApiUserOfRealm } from "./apisix-enablement.ts";
export type { VerifiedToken } from "./resources/token-check.ts";
