// The plugin configuration that lets Keycloak decide.
import test from "ava";
import { authzKeycloakPlugin } from "./authz-keycloak.ts";

test("the plugin configuration has CX's own fields, at the address that APISIX uses", (t) => {
  const source = { realm: "tenant 2", client: "cim", clientSecret: "s", keycloak: "http://kc:8080/auth/" };
  t.deepEqual(authzKeycloakPlugin(source), {
    lazy_load_paths: true,
    http_method_as_scope: true,
    resource_registration_endpoint: "http://kc:8080/auth/realms/tenant%202/authz/protection/resource_set",
    discovery: "http://kc:8080/auth/realms/tenant%202/.well-known/uma2-configuration",
    client_id: "cim",
    client_secret: "s",
  });
});
