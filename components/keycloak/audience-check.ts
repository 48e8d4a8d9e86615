// Which releases of Keycloak check a token's audience at introspection, and a warning about those that do not.
import semver from "semver";
import type { KeycloakSession } from "./session.ts";

/**
 * They answer `active: false` unless the client that asks is in the token's audience. That is the fix of CVE-2026-37979
 * (keycloak/keycloak#49113), which 26.5 never got. All others introspect any token of the realm for any of its clients.
 */
const checking = ">=26.4.12 <26.5.0 || >=26.6.2";

/** Undefined if it is no version. */
export function checksAudience(version: string): boolean | undefined {
  const known = /^\d+\.\d+/.test(version) && semver.coerce(version);
  return known ? semver.satisfies(known, checking) : undefined;
}

/** Names no realm: a run with many realms says it once. */
export async function warnOfUncheckedAudience(session: KeycloakSession): Promise<void> {
  const version = await session.release();
  if (!version || checksAudience(version) !== false) return;
  await session.warn(
    `Keycloak at ${session.server} is ${version}, which does not check the audience at introspection, and neither does APISIX before 3.12: such a gateway lets in the tokens of every client of a realm. Use APISIX 3.12 or newer, or set gatewayScope to the name of a client scope that only the realm's client gets and the gateway requires (docs/cx-and-apisix.md, "Who checks the audience").`,
  );
}
