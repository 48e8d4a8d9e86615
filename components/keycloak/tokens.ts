// What stands in a token and in an answer, read without believing it.

/** A text as JSON; undefined where it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A token's claims, unverified; none where it is opaque. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  const claims = parsed(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  return typeof claims === "object" && claims !== null ? { ...claims } : {};
}
