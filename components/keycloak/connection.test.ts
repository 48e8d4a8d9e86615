// The connection is configured with the keys and variables of @pulumi/keycloak's own provider.
import test from "ava";
import { readConnection } from "./connection.ts";

const read = (config: Record<string, string>, env: Record<string, string> = {}, namespace = "keycloak") =>
  readConnection(namespace, (key) => config[key], env);

test("configuration takes precedence over the environment, and either is enough", (t) => {
  const env = {
    KEYCLOAK_URL: "http://a:8080/",
    KEYCLOAK_BASE_PATH: "/auth",
    KEYCLOAK_USER: "u",
    KEYCLOAK_PASSWORD: "p",
  };
  const fromEnv = read({}, env);
  t.is(fromEnv.server, "http://a:8080/auth");
  t.is(fromEnv.username, "u");
  t.is(fromEnv.clientId, "admin-cli");
  t.is(fromEnv.adminRealm, "master");
  t.is(read({ "keycloak:url": "https://b" }, env).server, "https://b/auth");
});

test("another namespace has variables of its own: credentials never go to another server", (t) => {
  const env = {
    KEYCLOAK_URL: "http://a",
    KEYCLOAK_USER: "u",
    KEYCLOAK_PASSWORD: "p",
    KEYCLOAK_EU_URL: "http://eu",
  };
  t.throws(() => read({}, env, "keycloak-eu"), { message: /No admin credentials.*http:\/\/eu/ });
});

test("the error names what is missing or malformed", (t) => {
  t.throws(() => read({}), { message: /keycloak:url/ });
  t.throws(() => read({ "keycloak:url": "nonsense" }), { message: /not an address/ });
  t.throws(() => read({ "keycloak:url": "ftp://x" }), { message: /http/ });
  const url = { "keycloak:url": "http://x" };
  t.throws(() => read({ ...url, "keycloak:username": "u" }), { message: /keycloak:password/ });
  t.throws(
    () =>
      read({ ...url, "keycloak:username": "u", "keycloak:password": "p", "keycloak:clientTimeout": "soon" }),
    { message: /clientTimeout/ },
  );
});

test("credentials in the address are refused, and not repeated", (t) => {
  const error = t.throws(() => read({ "keycloak:url": "http://admin:hunter2@x" }));
  t.notRegex(error.message, /hunter2/);
});
