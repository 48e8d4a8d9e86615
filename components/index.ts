// What other programs import.
export { ApisixEnablement, type ApisixEnablementArgs } from "./apisix-enablement.ts";
export type { OpenidConnectPlugin } from "./apisix-plugin.ts";
export type { VerifiedToken } from "./resources/token-check.ts";
