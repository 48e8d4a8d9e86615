// Verifies a token with the realm's keys, as APISIX does, and says what is wrong with it.
import type { JSONWebKeySet, JWTVerifyResult } from "jose";
import { claimsOf } from "../keycloak/tokens.ts";

/** APISIX remembers an answer about a token until it expires. */
const requiredClaims = ["exp", "iat"];

interface Expected {
  readonly keys: JSONWebKeySet;
  readonly issuer: string;
  /** Where the realm names that issuer. */
  readonly base: string;
  /** Undefined: any that the keys are for. */
  readonly algorithms?: string[];
}

/** @returns the verified token, or what is wrong with it, in words */
export async function checkSignature(
  token: string,
  what: string,
  { keys, issuer, base, algorithms }: Expected,
): Promise<JWTVerifyResult | string> {
  // Loaded here, because most commands have no token to verify.
  const { createLocalJWKSet, decodeProtectedHeader, errors, jwtVerify } = await import("jose");
  const { iat, exp, nbf, iss } = claimsOf(token);
  // As of when it was issued: this machine's clock may be wrong, and APISIX goes by its own.
  const currentDate = typeof iat === "number" ? new Date(iat * 1000) : undefined;
  try {
    return await jwtVerify(token, createLocalJWKSet(keys), {
      issuer,
      algorithms,
      currentDate,
      requiredClaims,
    });
  } catch (error) {
    const { JOSEError, JWTClaimValidationFailed } = errors;
    const issued = `and was issued at ${time(iat)}`;
    const claim = error instanceof JWTClaimValidationFailed ? ` ${error.claim}` : "";
    switch (error instanceof JOSEError ? `${error.code}${claim}` : undefined) {
      case "ERR_JWT_CLAIM_VALIDATION_FAILED iss":
        return `its issuer is ${iss}, but at ${base} the realm calls itself ${issuer}; fix the server's hostname (Keycloak option 'hostname') so that both addresses give the same issuer, or set tokenBase to where CX really fetches its tokens`;
      case "ERR_JWT_CLAIM_VALIDATION_FAILED nbf":
        return `the ${what} token is not valid before ${time(nbf)}, ${issued}`;
      case errors.JWTExpired.code:
        return `the ${what} token expired at ${time(exp)}, ${issued}`;
      case errors.JOSEAlgNotAllowed.code:
      case errors.JOSENotSupported.code:
        return `the ${what} token is signed with ${decodeProtectedHeader(token).alg}, and APISIX expects RS256; set the signature algorithm of the client or of the realm`;
      case errors.JWKSNoMatchingKey.code:
        return `the realm publishes no key '${decodeProtectedHeader(token).kid}', which signed the ${what} token: requests may reach different Keycloaks`;
      case errors.JWSSignatureVerificationFailed.code:
        return `the signature of the ${what} token does not match the realm's keys`;
      case errors.JWSInvalid.code:
      case errors.JWTInvalid.code:
        return `the ${what} token is not a signed JWT`;
      default:
        return `the ${what} token cannot be verified (${error instanceof Error ? error.message : error})`;
    }
  }
}

/** A claim's time: "2026-11-24T19:10:07Z". */
function time(seconds: unknown): string {
  return typeof seconds === "number"
    ? new Date(seconds * 1000).toISOString().replace(".000", "")
    : "an unknown time";
}
