// The configuration of APISIX's `openid-connect` plugin for a realm that is ready.

/** The object under `openid-connect` in a route's `plugins`, with every field that the guide sets. */
export interface OpenidConnectPlugin {
  /** clientId of the client that APISIX uses to introspect tokens. */
  client_id: string;
  /** Empty for a public client, which has none: up to APISIX 3.16 a route without this field is dropped. */
  client_secret: string;
  /**
   * Only if there is no secret to introspect with: APISIX then verifies tokens with the realm's keys. Before 3.12 it checks
   * neither issuer nor audience then.
   */
  use_jwks?: true;
  /** Name of the realm. */
  realm: string;
  /** Address of the realm's `/.well-known/openid-configuration`, as APISIX reaches it. */
  discovery: string;
  /** A request without a token is refused, not sent to a login page. */
  bearer_only: true;
  /** How the token must be signed, with `use_jwks`. */
  token_signing_alg_values_expected: "RS256";
  /** The APIs get the token unchanged, in `Authorization`. */
  set_access_token_header: false;
  /** No `X-Userinfo` for the APIs. */
  set_userinfo_header: false;
  /** The guide's list. No release of the plugin knows this field, so it is ignored. */
  audience: string[];
  /** Scopes that a token must have (APISIX 3.8 and newer). */
  required_scopes: string[];
  /**
   * Enforces the audience from APISIX 3.12 on; earlier ones, such as CX's 3.11, ignore it. Up to 3.17
   * `match_with_client_id` alone lets in a token without any audience.
   */
  claim_validator: {
    /** What is checked of a token's `aud`. */
    audience: {
      /** The client must be in it. */
      match_with_client_id: true;
      /** A token without it is refused. */
      required: true;
    };
  };
}

interface OpenidConnectSource {
  readonly realm: string;
  readonly client: string;
  readonly clientSecret?: string;
  /** Where APISIX reaches Keycloak, base path included. */
  readonly keycloak: string;
  /** Client scope that only this client can have. */
  readonly gatewayScope?: string;
}

export function openidConnectPlugin(source: OpenidConnectSource): OpenidConnectPlugin {
  const base = source.keycloak.replace(/\/+$/, "");
  return {
    client_id: source.client,
    client_secret: source.clientSecret ?? "",
    ...(source.clientSecret === undefined && { use_jwks: true as const }),
    realm: source.realm,
    discovery: `${base}/realms/${encodeURIComponent(source.realm)}/.well-known/openid-configuration`,
    bearer_only: true,
    token_signing_alg_values_expected: "RS256",
    set_access_token_header: false,
    set_userinfo_header: false,
    audience: [...new Set([source.client, "account", "realm-management"])],
    required_scopes: ["email", "profile", ...(source.gatewayScope ? [source.gatewayScope] : [])],
    claim_validator: { audience: { match_with_client_id: true, required: true } },
  };
}
