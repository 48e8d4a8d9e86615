// What other programs import.

export type { OpenidConnectPlugin } from "./apisix/openid-connect.ts";
export { ApisixEnablement, type ApisixEnablementArgs } from "./apisix-enablement.ts";
export type { VerifiedToken } from "./resources/token-check.ts";
