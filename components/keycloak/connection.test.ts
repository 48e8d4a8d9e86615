// The connection is configured with the keys and variables of @pulumi/keycloak's own provider.
import { generateKeyPairSync } from "node:crypto";
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
  for (const name of ["ACCESS_TOKEN", "JWT_TOKEN", "JWT_TOKEN_FILE", "JWT_SIGNING_KEY"]) {
    refused(writer, { [`KEYCLOAK_${name}`]: "r" }, "keycloak:clientSecret", `KEYCLOAK_${name}`);
  }
  for (const key of ["accessToken", "jwtToken", "jwtTokenFile"]) {
    refused({ ...url, [`keycloak:${key}`]: "w" }, reader, `keycloak:${key}`, "KEYCLOAK_CLIENT_ID");
  }
  const signs = { ...url, "keycloak:clientId": "writer", "keycloak:jwtSigningKey": "w" };
  refused(
    signs,
    { KEYCLOAK_CLIENT_ID: "writer", KEYCLOAK_CLIENT_SECRET: "r" },
    "jwtSigningKey",
    "CLIENT_SECRET",
  );
});

test("two ways to log in are refused, in one place as well", (t) => {
  const refused = (env: Record<string, string>, ...names: string[]) => {
    const { message } = t.throws(() => read(url, env));
    t.regex(message, /^Two ways to log in to Keycloak: /);
    for (const name of names) t.true(message.includes(name), message);
  };
  refused({ ...reader, KEYCLOAK_JWT_TOKEN_FILE: "/t" }, "keycloak:clientSecret", "KEYCLOAK_JWT_TOKEN_FILE");
  refused({ ...reader, KEYCLOAK_ACCESS_TOKEN: "a" }, "KEYCLOAK_CLIENT_SECRET", "keycloak:accessToken");
  refused({ KEYCLOAK_USER: "u", KEYCLOAK_ACCESS_TOKEN: "a" }, "KEYCLOAK_USER", "KEYCLOAK_ACCESS_TOKEN");
});

test("a token or the file of one is enough; a key needs the client's name", (t) => {
  t.is(read(url, { KEYCLOAK_JWT_TOKEN: "j" }).jwtToken, "j");
  t.is(read(url, { KEYCLOAK_JWT_TOKEN_FILE: "/t" }).jwtTokenFile, "/t");
  const claims = Buffer.from('{"iss":"https://cx/realms/our%20realm"}').toString("base64url");
  const env = { KEYCLOAK_ACCESS_TOKEN: `h.${claims}.s`, KEYCLOAK_REALM: "master" };
  t.like(read(url, env), { accessToken: env.KEYCLOAK_ACCESS_TOKEN, adminRealm: "our realm" });
  t.throws(() => read(url, { KEYCLOAK_JWT_SIGNING_KEY: "k" }), { message: /No admin credentials/ });
});

test("a key, a certificate and headers are checked before anybody logs in, and not repeated", (t) => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = `${privateKey.export({ format: "pem", type: "sec1" })}`;
  const signs = { ...url, "keycloak:clientId": "c", "keycloak:jwtSigningKey": pem };
  t.like(read(signs), { jwtSigningAlg: "RS256", jwtSigningKey: { asymmetricKeyType: "ec" } });
  const bad: [Record<string, string>, RegExp][] = [
    [{ ...signs, "keycloak:jwtSigningKey": "hunter2" }, /jwtSigningKey is not a private key in PEM/],
    [{ ...writer, "keycloak:tlsClientCertificate": "hunter2" }, /belong together/],
    [{ ...writer, "keycloak:tlsClientPrivateKey": pem }, /belong together/],
    [
      { ...writer, "keycloak:tlsClientCertificate": "hunter2", "keycloak:tlsClientPrivateKey": pem },
      /tlsClientCertificate and .* are not a certificate and its private key/,
    ],
  ];
  for (const headers of [
    "hunter2",
    '["hunter2"]',
    "7",
    "null",
    '{"a":7}',
    '{"a b":"hunter2"}',
    '{"a":"hunter2\\nb"}',
  ])
    bad.push([
      { ...writer, "keycloak:additionalHeaders": headers },
      /additionalHeaders is not an object of HTTP/,
    ]);
  for (const name of ["Authorization", "content-type", "ACCEPT", "Host"]) {
    const headers = JSON.stringify({ [name]: "hunter2" });
    bad.push([{ ...writer, "keycloak:additionalHeaders": headers }, /additionalHeaders sets '[a-z-]+'/]);
  }
  for (const [config, message] of bad) {
    const error = t.throws(() => read(config), { message }, JSON.stringify(config));
    t.notRegex(error.message, /hunter2|PRIVATE/);
  }
  t.deepEqual(read({ ...writer, "keycloak:additionalHeaders": '{"X-Gate":"open"}' }).additionalHeaders, {
    "x-gate": "open",
  });
});

test("the admin API's address comes from where the server's does", (t) => {
  const inside = { "keycloak:adminUrl": "https://inside/" };
  t.like(read({ ...writer, ...inside, "keycloak:basePath": "/auth" }), {
    server: "https://cx/auth",
    adminServer: "https://inside/auth",
  });
  t.is(read(writer).adminServer, "https://cx");
  const both = { KEYCLOAK_URL: "https://cx", KEYCLOAK_ADMIN_URL: "https://inside" };
  t.is(read(writer, both).adminServer, "https://inside");
  t.is(read({}, { ...both, ...reader }).adminServer, "https://inside");
  for (const { KEYCLOAK_URL, ...env } of [both, { ...both, KEYCLOAK_URL: "https://other" }]) {
    t.throws(() => read(writer, env), {
      message: /^KEYCLOAK_ADMIN_URL is set, .*: set KEYCLOAK_URL as well/,
    });
  }
  t.throws(() => read({ ...writer, "keycloak:adminUrl": "nonsense" }), {
    message: /keycloak:adminUrl is not/,
  });
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
  const admin = { "keycloak:adminUrl": "http://keycloak.ef-external.svc" };
  t.regex(risk("https://keycloak.example.com", admin) ?? "", /ef-external.* in the clear.*keycloak:adminUrl/);
  for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) {
    t.is(risk(`http://${host}:8080`), undefined, host);
    t.is(risk(`https://${host}:8443`, skip), undefined, host);
  }
});
