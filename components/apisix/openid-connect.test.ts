// The plugin configuration that APISIX gets.
import test from "ava";
import { openidConnectPlugin } from "./openid-connect.ts";

test("the plugin configuration has every field of the guide, and the audience check that APISIX 3.12 enforces", (t) => {
  const source = { realm: "tenant 2", client: "cim", clientSecret: "s", keycloak: "http://kc:8080/auth/" };
  t.deepEqual(openidConnectPlugin(source), {
    client_id: "cim",
    client_secret: "s",
    realm: "tenant 2",
    discovery: "http://kc:8080/auth/realms/tenant%202/.well-known/openid-configuration",
    bearer_only: true,
    token_signing_alg_values_expected: "RS256",
    set_access_token_header: false,
    set_userinfo_header: false,
    audience: ["cim", "account", "realm-management"],
    required_scopes: ["email", "profile"],
    claim_validator: { audience: { match_with_client_id: true, required: true } },
  });
});

test("a public client has no secret to introspect with, so APISIX is told to use the realm's keys", (t) => {
  const plugin = openidConnectPlugin({ realm: "expertflow", client: "cim", keycloak: "http://kc/auth" });
  t.is(plugin.client_secret, "", "APISIX up to 3.16 drops a route without this field");
  t.true(plugin.use_jwks);
});
