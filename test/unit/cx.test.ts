// What depends on the CX release, and what APISIX is given.
import test from "ava";
import { openidConnectPlugin } from "../../components/apisix-plugin.ts";
import { wantsRole } from "../../components/cx-version.ts";
import { near } from "../../components/provider/near.ts";

test("role and role mappings come with CX 4.10.1", (t) => {
  for (const version of [undefined, "4.10.1", "4.11", "v5.0.0", "4.10.1-rc1"])
    t.true(wantsRole(version), version);
  for (const version of ["4.10", "4.10.0", "4.9.4", "3.0"]) t.false(wantsRole(version), version);
  for (const version of ["banana", "latest", "4", ""])
    t.throws(() => wantsRole(version), { message: /cxVersion/ });
});

test("the plugin configuration has every field of the guide, and the audience check that APISIX enforces", (t) => {
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
  t.false("client_secret" in plugin);
  t.true(plugin.use_jwks);
});

test("similar names are offered, strangers are not", (t) => {
  t.regex(near("client", "cin", ["cim", "account", "CIM-web"]), /'cim'/);
  t.is(near("client", "cim", ["account", "broker"]), "");
});
