// Does APISIX accept a token? Checks its signature, issuer and claims, and what introspection says about it.
import type { JWTPayload } from "jose";
import type { Tokens } from "../keycloak/direct-grant.ts";
import type { ClientRepresentation, Realm } from "../keycloak/realm.ts";
import { claimsOf, rolesIn } from "../keycloak/tokens.ts";
import { notAccepted, type TokenCheckInputs } from "./inputs.ts";
import { introspect } from "./introspection.ts";
import type { Discovery } from "./places.ts";
import { checkSignature } from "./signature.ts";

/** What was verified; never the token. */
export interface VerifiedToken {
  /** The realm's address at which it was fetched: CX's, or another if that is not reachable from where Pulumi runs. */
  readonly fetchedAt: string;
  /** `iss`: the realm's address, as Keycloak itself calls it. */
  readonly issuer: string;
  /** `aud`: the client is among them. */
  readonly audiences: readonly string[];
  /** `scope`: what APISIX requires is among them. */
  readonly scopes: readonly string[];
  /** Realm roles: those that were mapped are among them. */
  readonly roles: readonly string[];
  /** What authz-keycloak lets the user do; undefined if nothing was to be proven. */
  readonly authorizedRequests?: readonly string[];
  /** How many seconds the token lives: `exp` minus `iat`. */
  readonly lifespan: number;
  /** Id of the realm's key that signed it. */
  readonly keyId: string;
  /** Algorithm of the signature: `RS256`. */
  readonly algorithm: string;
  /** Where introspection said `active: true`; undefined for a public client, which cannot ask. */
  readonly introspectedAt?: string;
  /** When it was verified (ISO 8601). */
  readonly verifiedAt: string;
}

/** APISIX requires these of every token (guide: required_scopes). */
const requiredScopes = ["email", "profile"];
/** Seconds by which clocks may differ without a word. */
const clockTolerance = 60;

/** @throws Failure that says why APISIX would not accept the token. */
export async function verify(
  realm: Realm,
  client: ClientRepresentation,
  inputs: TokenCheckInputs,
  tokens: Tokens,
  discovery: Discovery,
): Promise<Omit<VerifiedToken, "fetchedAt">> {
  await warnOfClock(realm, tokens);
  const signed = await signatures(realm, inputs, discovery);
  const { payload, protectedHeader } = await signed(tokens.access, "access", ["RS256"]);
  const audiences = audiencesOf(payload);
  if (!audiences.includes(inputs.client)) {
    throw notAccepted(
      inputs,
      `its audience (${audiences.join(", ") || "none"}) lacks '${inputs.client}', so the Audience mapper does not work`,
    );
  }
  if (!tokens.id)
    throw notAccepted(inputs, "no ID token came with it, although scope 'openid' was asked for");
  const idToken = await signed(tokens.id, "ID");
  if (!audiencesOf(idToken.payload).includes(inputs.client))
    throw notAccepted(inputs, `the ID token's audience lacks '${inputs.client}'`);
  const scopes = scopesOf(payload);
  const required = inputs.gatewayScope ? [...requiredScopes, inputs.gatewayScope] : requiredScopes;
  const lacking = required.filter((scope) => !scopes.includes(scope));
  if (lacking.length > 0) {
    throw notAccepted(
      inputs,
      `its scope (${scopes.join(" ") || "none"}) lacks ${quoted(lacking)}: make them default client scopes of client '${inputs.client}'`,
    );
  }
  const introspected = await introspect(realm, client, inputs, tokens, discovery);
  const roles = rolesIn(payload.realm_access) ?? rolesIn(introspected?.claims.realm_access) ?? [];
  const missing = inputs.roles.filter((role) => !roles.includes(role));
  if (missing.length > 0) {
    throw notAccepted(
      inputs,
      `its realm roles (${roles.join(", ") || "none"}) lack ${quoted(missing)}; see whether client '${inputs.client}' has the client scope 'roles', and 'Full scope allowed' on`,
    );
  }
  return {
    issuer: discovery.issuer,
    audiences,
    scopes,
    roles,
    lifespan: Number(payload.exp) - Number(payload.iat),
    keyId: protectedHeader.kid ?? "",
    algorithm: protectedHeader.alg,
    ...(introspected && { introspectedAt: introspected.at }),
    verifiedAt: new Date().toISOString(),
  };
}

/** Verifies a token's signature with the realm's keys, and its issuer with the discovery document. */
async function signatures(realm: Realm, inputs: TokenCheckInputs, { base, issuer }: Discovery) {
  const address = `${realm.address}/protocol/openid-connect/certs`;
  const { body } = await realm.session.ask("Reading the realm's keys", address);
  const keys = Array.isArray(body.keys) ? body.keys : [];
  return async (token: string, what: string, algorithms?: string[]) => {
    const verified = await checkSignature(token, what, { keys: { keys }, issuer, base, algorithms });
    if (typeof verified === "string") throw notAccepted(inputs, verified);
    return verified;
  };
}

/** Warns if this machine's clock and Keycloak's differ. The token is a moment old. */
async function warnOfClock(realm: Realm, tokens: Tokens): Promise<void> {
  const { iat } = claimsOf(tokens.access);
  const ahead = typeof iat === "number" ? Math.round(Date.now() / 1000 - iat) : 0;
  if (Math.abs(ahead) <= clockTolerance) return;
  await realm.warn(
    `This machine's clock is ${Math.abs(ahead)} s ${ahead > 0 ? "ahead of" : "behind"} that of Keycloak at ${realm.server}: APISIX goes by its own clock and refuses good tokens if that one is off as well, so synchronise them all (NTP).`,
  );
}

function audiencesOf({ aud = [] }: JWTPayload): string[] {
  return [aud].flat();
}

function scopesOf({ scope }: JWTPayload): string[] {
  return typeof scope === "string" ? scope.split(" ").filter(Boolean) : [];
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(" and ");
}
