// The configuration of APISIX's `openid-connect` plugin that goes with an enabled realm.

/** The object that stands under `openid-connect` in a route's `plugins`; every field the guide sets. */
export interface OpenidConnectPlugin {
  /** clientId that APISIX asks Keycloak as. */
  client_id: string;
  /** Left out for a public client, which has none. */
  client_secret?: string;
  /** Name of the realm. */
  realm: string;
  /** Address of the realm's discovery document, as APISIX reaches it. */
  discovery: string;
  /** A call without a token is refused, not sent to a login page. */
  bearer_only: true;
  /** What Keycloak signs with by default, and the token check insists on. */
  token_signing_alg_values_expected: "RS256";
  /** APISIX adds no header with the access token to what it passes on. */
  set_access_token_header: false;
  /** Nor one with the userinfo. */
  set_userinfo_header: false;
  /** The guide's list. APISIX knows no such field and ignores it: `claim_validator` is what enforces. */
  audience: string[];
  /** Scopes that a token must have (guide). */
  required_scopes: string[];
  /** `aud` must hold `client_id`; older APISIX releases ignore it, and the mapper makes it true all the same. */
  claim_validator: { audience: { match_with_client_id: true } };
}

export interface OpenidConnectSource {
  readonly realm: string;
  readonly client: string;
  readonly clientSecret?: string;
  /** Where APISIX reaches Keycloak, base path included. */
  readonly keycloak: string;
}

export function openidConnectPlugin(source: OpenidConnectSource): OpenidConnectPlugin {
  const base = source.keycloak.replace(/\/+$/, "");
  return {
    client_id: source.client,
    ...(source.clientSecret !== undefined && { client_secret: source.clientSecret }),
    realm: source.realm,
    discovery: `${base}/realms/${encodeURIComponent(source.realm)}/.well-known/openid-configuration`,
    bearer_only: true,
    token_signing_alg_values_expected: "RS256",
    set_access_token_header: false,
    set_userinfo_header: false,
    audience: [...new Set([source.client, "account", "realm-management"])],
    required_scopes: ["email", "profile"],
    claim_validator: { audience: { match_with_client_id: true } },
  };
}
