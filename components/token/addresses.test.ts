// Which addresses get credentials.
import test from "ava";
import { isBelow } from "./addresses.ts";

const named = "https://keycloak.example.com/auth";

test("an address counts as named if it is the same server, below the same path", (t) => {
  for (const address of [
    `${named}/realms/cx/protocol/openid-connect/token/introspect`,
    "https://KEYCLOAK.example.com:443/auth/realms/cx",
  ]) {
    t.true(isBelow(address, named), address);
    t.true(isBelow(address, `${named}/`), address);
  }
  t.true(isBelow("http://keycloak.ef-external.svc/auth/realms/cx", "http://keycloak.ef-external.svc/auth"));
  t.true(isBelow("https://keycloak.example.com/realms/cx", "https://keycloak.example.com"));
});

test("anything else does not, however much it looks like it", (t) => {
  for (const address of [
    "http://keycloak.example.com/auth/realms/cx",
    "https://keycloak.example.com.evil/auth/realms/cx",
    "https://keycloak.example.com@evil/auth/realms/cx",
    "https://somebody:something@keycloak.example.com/auth/realms/cx",
    "https://keycloak.example.com:8443/auth/realms/cx",
    "https://keycloak.example.com/authors/realms/cx",
    "https://keycloak.example.com/auth/../elsewhere",
    "https://keycloak.example.com/auth/%2e%2e/elsewhere",
    "https:\\\\evil\\auth/realms/cx",
    "//evil/auth/realms/cx",
    "/auth/realms/cx",
    "",
  ]) {
    t.false(isBelow(address, named), address);
  }
  t.false(isBelow("file:///auth/realms/cx", "file:///auth"));
  t.false(isBelow(`${named}/realms/cx`, "not an address"));
});
