// The connection is configured with the keys and variables of @pulumi/keycloak's own provider.
import test from "ava";
import { readConnection, riskOf } from "./connection.ts";

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

const url = { "keycloak:url": "https://cx" };
const writer = { ...url, "keycloak:clientId": "writer", "keycloak:clientSecret": "w" };
const reader = { KEYCLOAK_CLIENT_ID: "reader", KEYCLOAK_CLIENT_SECRET: "r" };

test("an account comes as a whole from one place: two are refused, whatever their keys", (t) => {
  const refused = (config: Record<string, string>, env: Record<string, string>, ...names: string[]) => {
    const { message } = t.throws(() => read(config, env));
    t.regex(message, /^Two accounts for Keycloak at https:\/\/cx: /);
    for (const name of names) t.true(message.includes(name), message);
    return message;
  };
  refused(writer, reader, "keycloak:clientId out of", "KEYCLOAK_CLIENT_ID out of");
  refused(writer, { KEYCLOAK_CLIENT_SECRET: "r" }, "keycloak:clientSecret", "KEYCLOAK_CLIENT_SECRET");
  refused(writer, { KEYCLOAK_USER: "u", KEYCLOAK_PASSWORD: "p" }, "keycloak:clientSecret", "KEYCLOAK_USER");
  const user = { ...url, "keycloak:username": "u", "keycloak:password": "p" };
  refused(user, reader, "keycloak:password", "KEYCLOAK_CLIENT_ID");
  refused({ ...writer, "keycloak:realm": "a" }, { KEYCLOAK_REALM: "b" }, "keycloak:realm", "KEYCLOAK_REALM");
  refused(user, { KEYCLOAK_REALM: "b" }, "keycloak:password", "KEYCLOAK_REALM");
  refused(user, { KEYCLOAK_CLIENT_ID: "reader" }, "keycloak:password", "KEYCLOAK_CLIENT_ID");
  refused(writer, { KEYCLOAK_USER: "u" }, "keycloak:clientSecret", "KEYCLOAK_USER");
});

test("name and secret may come from two places, and the same account may be in both", (t) => {
  t.is(read({ ...url, "keycloak:clientId": "writer" }, { KEYCLOAK_CLIENT_SECRET: "w" }).clientSecret, "w");
  t.is(read({ ...url, "keycloak:username": "u" }, { KEYCLOAK_PASSWORD: "p" }).password, "p");
  const named = { KEYCLOAK_USER: "u", KEYCLOAK_CLIENT_ID: "c", KEYCLOAK_REALM: "r" };
  t.like(read({ ...url, "keycloak:password": "p" }, named), {
    username: "u",
    clientId: "c",
    adminRealm: "r",
  });
  t.is(read({ ...url, "keycloak:realm": "a" }, reader).clientId, "reader");
  t.is(read(writer, { KEYCLOAK_CLIENT_ID: "writer", KEYCLOAK_CLIENT_SECRET: "w" }).clientId, "writer");
});

test("an empty setting hides the environment's", (t) => {
  t.is(read({ ...writer, "keycloak:basePath": "" }, { KEYCLOAK_BASE_PATH: "/auth" }).server, "https://cx");
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
  t.throws(() => read({ ...url, "keycloak:username": "u" }), {
    message:
      /keycloak:password in the stack's configuration as a secret, or KEYCLOAK_PASSWORD in the environment\.$/,
  });
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

test("http to a remote host, or any certificate accepted: a warning says what is at risk, and the cure", (t) => {
  const risk = (url: string, more: Record<string, string> = {}) =>
    riskOf(read({ "keycloak:url": url, "keycloak:username": "u", "keycloak:password": "hunter2", ...more }));
  const skip = { "keycloak:tlsInsecureSkipVerify": "true" };
  t.regex(
    risk("http://keycloak.ef-external.svc/auth") ?? "",
    /^Keycloak at http:.* in the clear.*keycloak:url/,
  );
  t.regex(risk("http://localhost.evil") ?? "", /in the clear/);
  t.regex(risk("http://128.0.0.1") ?? "", /in the clear/);
  t.regex(risk("https://keycloak.example.com", skip) ?? "", /^keycloak:tlsInsecureSkipVerify .*rootCaCert/);
  t.is(risk("https://keycloak.example.com"), undefined);
  for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) {
    t.is(risk(`http://${host}:8080`), undefined, host);
    t.is(risk(`https://${host}:8443`, skip), undefined, host);
  }
});
