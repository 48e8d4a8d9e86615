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
