// Reads tokens and answers without verifying them.

/** A text as JSON; undefined if it is not JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A token's claims, unverified; none if it is opaque. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  const claims = parsed(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  return typeof claims === "object" && claims !== null ? { ...claims } : {};
}

/** The realm that issued a token, unverified; undefined if it does not say. */
export function realmOf(token: string): string | undefined {
  const name = /\/realms\/([^/]+)$/.exec(String(claimsOf(token).iss))?.[1];
  return name && decodeURIComponent(name);
}

/** The roles in the claim `realm_access`, or in `resource_access` under a clientId; undefined if there is no such claim. */
export function rolesIn(access: unknown): string[] | undefined {
  if (typeof access !== "object" || access === null || !("roles" in access)) return undefined;
  return Array.isArray(access.roles) ? access.roles.map(String) : undefined;
}
