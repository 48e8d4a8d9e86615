// Does APISIX accept a token? Checks its signature, issuer and claims, and what introspection says about it.
import type { JSONWebKeySet, JWTPayload } from "jose";
import type { Tokens } from "../keycloak/direct-grant.ts";
import type { ClientRepresentation, Realm } from "../keycloak/realm.ts";
import { notAccepted, type TokenCheckInputs } from "./inputs.ts";
import { type Discovery, discover, introspect } from "./introspection.ts";

/** What was verified; never the token. */
export interface VerifiedToken {
  /** `iss`: the realm's address, as Keycloak itself calls it. */
  readonly issuer: string;
  /** `aud`: the client is among them. */
  readonly audiences: readonly string[];
  /** `scope`: what APISIX requires is among them. */
  readonly scopes: readonly string[];
  /** Realm roles: those that were mapped are among them. */
  readonly roles: readonly string[];
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

/** @throws Failure that says why APISIX would not accept the token. */
export async function verify(
  realm: Realm,
  client: ClientRepresentation,
  inputs: TokenCheckInputs,
  tokens: Tokens,
): Promise<VerifiedToken> {
  const discovery = await discover(realm, inputs);
  const signed = await signatures(realm, inputs, discovery);
  const { payload, protectedHeader } = await signed(tokens.access, "access");
  if (protectedHeader.alg !== "RS256") {
    throw notAccepted(
      inputs,
      `it is signed with ${protectedHeader.alg}, and APISIX expects RS256; set the realm's default signature algorithm`,
    );
  }
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
  const lacking = requiredScopes.filter((scope) => !scopes.includes(scope));
  if (lacking.length > 0) {
    throw notAccepted(
      inputs,
      `its scope (${scopes.join(" ") || "none"}) lacks ${quoted(lacking)}: make them default client scopes of client '${inputs.client}'`,
    );
  }
  const introspected = await introspect(realm, client, inputs, tokens, discovery);
  const roles = rolesOf(payload) ?? rolesOf(introspected?.claims ?? {}) ?? [];
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
  // Loaded here, because most commands have no token to verify.
  const { createLocalJWKSet, errors, jwtVerify } = await import("jose");
  // If this is not a key set, jose says so.
  const keySet = createLocalJWKSet(body as unknown as JSONWebKeySet);
  return async (token: string, what: string) => {
    try {
      return await jwtVerify(token, keySet, { issuer });
    } catch (error) {
      if (error instanceof errors.JWTClaimValidationFailed && error.claim === "iss") {
        throw notAccepted(
          inputs,
          `its issuer is ${String(error.payload.iss)}, but at ${base} the realm calls itself ${issuer}; fix the server's hostname (Keycloak option 'hostname') so that both addresses give the same issuer`,
        );
      }
      throw notAccepted(
        inputs,
        `the signature of the ${what} token does not verify against the realm's keys (${String(error)})`,
      );
    }
  };
}

function audiencesOf({ aud = [] }: JWTPayload): string[] {
  return [aud].flat();
}

function scopesOf({ scope }: JWTPayload): string[] {
  return typeof scope === "string" ? scope.split(" ").filter(Boolean) : [];
}

function rolesOf({ realm_access }: Readonly<Record<string, unknown>>): string[] | undefined {
  if (typeof realm_access !== "object" || realm_access === null || !("roles" in realm_access))
    return undefined;
  const { roles } = realm_access;
  return Array.isArray(roles) ? roles.map(String) : undefined;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(" and ");
}
