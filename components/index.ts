// What other programs import.

export { ApiUser, type ApiUserArgs } from "./api-user.ts";
export type { OpenidConnectPlugin } from "./apisix/openid-connect.ts";
export { ApisixEnablement, type ApisixEnablementArgs, type ApiUserOfRealm } from "./apisix-enablement.ts";
export type { VerifiedToken } from "./resources/token-check.ts";
