// The ways to log in besides a password and a client's secret, and another address for the admin API.
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { SignJWT } from "jose";
import { readConnection } from "../../components/keycloak/connection.ts";
import { KeycloakSession } from "../../components/keycloak/session.ts";
import { server } from "../../rig/keycloak/realm.ts";
import { clientWithKey, keyPairs, pem } from "../support/client-with-key.ts";
import { Corner, deleteRealm, sharedRealm } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";
import { listening, toKeycloak } from "../support/tls.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

async function newFile(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "jwt-"));
  t.teardown(() => rm(folder, { recursive: true }));
  return path.join(folder, "token");
}

function sessionWith(t: ExecutionContext, config: Readonly<Record<string, string>>): KeycloakSession {
  const session = new KeycloakSession(
    readConnection("keycloak", (key) => config[key], {}),
    async () => {},
  );
  t.teardown(() => session.logOut());
  return session;
}

for (const alg of ["RS256", "PS256", "ES256"] as const) {
  test.serial(`a client with a key signs a JWT (${alg})`, async (t) => {
    const corner = await Corner.of(t);
    const { config, privateKey } = await clientWithKey(t, await sharedRealm(), { alg });
    const signing = { "keycloak:jwtSigningKey": pem(privateKey), "keycloak:jwtSigningAlg": alg };
    const stack = new Stack({ ...config, ...signing });
    await stack.up(...corner.all(), corner.tokenCheck());
    t.deepEqual(await stack.preview(...corner.all(), corner.tokenCheck()), []);
    await stack.destroy();
    t.is(await corner.user(), undefined);
  });
}

test.serial(
  "a key of another client, or of another kind, is refused, and the error says what to do",
  async (t) => {
    const corner = await Corner.of(t);
    const { config, privateKey } = await clientWithKey(t, await sharedRealm());
    const failsWith = async (key: string, alg: string, message: RegExp) => {
      const stack = new Stack({ ...config, "keycloak:jwtSigningKey": key, "keycloak:jwtSigningAlg": alg });
      const error = await t.throwsAsync(stack.preview(corner.audience()), { message });
      t.notRegex(error.message, /PRIVATE KEY|\n/);
    };
    await failsWith(
      pem(keyPairs.RS256().privateKey),
      "RS256",
      /Logging in as client 'deployer-\w+' in realm .* failed: Keycloak answered 40.*; check .*jwtSigningKey.*signed JWT/,
    );
    await failsWith(
      pem(privateKey),
      "ES256",
      /jwtSigningAlg is ES256, with which the RSA key .* cannot sign/,
    );
    await failsWith(pem(privateKey, "pkcs1"), "none", /jwtSigningAlg is none/);
  },
);

test.serial("a user logs in at a client that signs a JWT, and its session ends", async (t) => {
  const corner = await Corner.of(t);
  const { config, privateKey } = await clientWithKey(t, await sharedRealm(), {
    directAccessGrantsEnabled: true,
  });
  const password = "the admin's password";
  const username = await corner.makeRealmAdmin(t, password);
  const session = sessionWith(t, {
    ...config,
    "keycloak:username": username,
    "keycloak:password": password,
    // As openssl wrote it for decades.
    "keycloak:jwtSigningKey": pem(privateKey, "pkcs1"),
  });
  const { realm } = corner;
  const { id } = await realm.user(username);
  await session.read("Reading the realm", () => session.admin.realms.findOne({ realm: realm.name }));
  t.is((await realm.admin("GET", `/users/${id}/sessions`)).length, 1);
  await session.logOut();
  t.deepEqual(await realm.admin("GET", `/users/${id}/sessions`), []);
});

test.serial("the file with the JWT is read anew at every login", async (t) => {
  const { realm } = await Corner.of(t);
  const { config, newJwt, uuid } = await clientWithKey(t, await sharedRealm());
  const client = await realm.admin("GET", `/clients/${uuid}`);
  await realm.admin("PUT", `/clients/${uuid}`, {
    ...client,
    attributes: { ...client.attributes, "access.token.lifespan": "2" },
  });
  const file = await newFile(t);
  const session = sessionWith(t, { ...config, "keycloak:jwtTokenFile": file });
  const read = () =>
    session.read("Reading users", () => session.admin.users.find({ realm: realm.name, max: 1 }));

  await t.throwsAsync(read(), { message: /jwtTokenFile names a file without a JWT: .* \(ENOENT\)\.$/ });
  await writeFile(file, " \n");
  await t.throwsAsync(read(), { message: /jwtTokenFile names a file without a JWT: .* is empty\.$/ });
  await writeFile(file, `${await newJwt()}\n`);
  await read();
  // Used up: once the session is over, the same one opens no other.
  const refused = await t.throwsAsync(async () => {
    for (;;) await read();
  });
  t.regex(refused.message, /Logging in as client .* Keycloak answered 40.*jwtTokenFile.*was not used before/);

  await writeFile(file, await newJwt());
  const next = sessionWith(t, { ...config, "keycloak:jwtTokenFile": file });
  await next.read("Reading users", () => next.admin.users.find({ realm: realm.name, max: 1 }));
});

const federated = server.isFrom("26.7.0") ? test.serial : test.serial.skip;

federated("the JWT that a platform gives its jobs, if Keycloak accepts it for a client", async (t) => {
  const corner = await Corner.of(t);
  const { realm } = corner;
  const { privateKey, publicKey } = keyPairs.RS256();
  const keys = [{ ...publicKey.export({ format: "jwk" }), kid: "platform", use: "sig", alg: "RS256" }];
  const platform = createServer((_, answer) => {
    answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys }));
  });
  const issuer = `http://localhost:${await listening(t, platform)}`;
  await realm.admin("POST", "/identity-provider/instances", {
    alias: "platform",
    providerId: "oidc",
    config: {
      issuer,
      jwksUrl: `${issuer}/keys`,
      useJwksUrl: "true",
      validateSignature: "true",
      supportsClientAssertions: "true",
      supportsClientAssertionReuse: "true",
      clientId: "not-used",
      clientSecret: "not-used",
      authorizationUrl: issuer,
      tokenUrl: issuer,
    },
  });
  t.teardown(() => realm.admin("DELETE", "/identity-provider/instances/platform"));
  const { config, uuid } = await clientWithKey(t, realm);
  const client = await realm.admin("GET", `/clients/${uuid}`);
  await realm.admin("PUT", `/clients/${uuid}`, {
    ...client,
    clientAuthenticatorType: "federated-jwt",
    attributes: {
      ...client.attributes,
      "jwt.credential.issuer": "platform",
      "jwt.credential.sub": "repo:cx:ref:main",
    },
  });
  const jwt = await new SignJWT({ iss: issuer, sub: "repo:cx:ref:main", jti: randomUUID() })
    .setProtectedHeader({ alg: "RS256", kid: "platform" })
    .setAudience(`${server.address}/realms/${realm.name}`)
    .setIssuedAt()
    .setExpirationTime("5 minutes")
    .sign(privateKey);
  const file = await newFile(t);
  await writeFile(file, jwt);
  const { "keycloak:clientId": _client, ...nobody } = config;
  const stack = new Stack({ ...nobody, "keycloak:jwtTokenFile": file });
  await stack.up(...corner.all());
  t.deepEqual(await stack.preview(...corner.all()), []);
});

test.serial("a JWT says which client it is of", async (t) => {
  const corner = await Corner.of(t);
  const { config, newJwt } = await clientWithKey(t, await sharedRealm());
  const { "keycloak:clientId": _client, ...nobody } = config;
  const jwt = await newJwt();
  const stack = new Stack({ ...nobody, "keycloak:jwtToken": jwt });
  await stack.up(...corner.all());
  t.truthy(await corner.user());
  const used = await t.throwsAsync(stack.preview(...corner.all()), {
    message: /Logging in as the client of keycloak:jwtToken in realm .*was not used before/,
  });
  t.false(used.message.includes(jwt));
});

test.serial(
  "an access token in place of a login: its session stays, and its end is told in words",
  async (t) => {
    const corner = await Corner.of(t);
    const { realm } = corner;
    const password = "the admin's password";
    const username = await corner.makeRealmAdmin(t, password);
    const { id } = await realm.user(username);
    const token = async () => (await realm.directGrant(password, username, "admin-cli")).access_token;
    const { "keycloak:username": _user, "keycloak:password": _password, ...rest } = connection;
    const sessions = async () => (await realm.admin("GET", `/users/${id}/sessions`)).length;

    // Which realm it is of stands in the token.
    const valid = { ...rest, "keycloak:accessToken": await token() };
    t.is(
      readConnection("keycloak", (key) => new Map(Object.entries(valid)).get(key), {}).adminRealm,
      realm.name,
    );
    const stack = new Stack(valid);
    await stack.up(...corner.all());
    t.deepEqual(await stack.preview(...corner.all()), []);
    t.is(await sessions(), 1, "neither was another one opened nor this one ended");

    await realm.admin("POST", `/users/${id}/logout`);
    const ended = await t.throwsAsync(stack.preview(...corner.all()), {
      message:
        /does not accept the access token in keycloak:accessToken \(401\).*cannot be renewed: set a new one/,
    });
    t.false(ended.message.includes(valid["keycloak:accessToken"]));
    t.truthy(await corner.user());
  },
);

test.serial("the admin API has an address of its own, and nothing else is asked there", async (t) => {
  const corner = await Corner.of(t);
  const asked: string[] = [];
  // Keycloak takes tokens only under the name that it gave them out by.
  const inside = createServer((incoming, outgoing) => {
    asked.push(incoming.url ?? "");
    incoming.headers.host = new URL(server.url).host;
    toKeycloak(incoming, outgoing);
  });
  const outside = createServer((incoming, outgoing) => {
    if (!incoming.url?.startsWith(`${server.basePath}/admin/`)) return toKeycloak(incoming, outgoing);
    incoming.resume();
    outgoing.writeHead(403, { "content-type": "text/html" }).end("not from here");
  });
  const adminUrl = `http://localhost:${await listening(t, inside)}`;
  const url = `http://localhost:${await listening(t, outside)}`;
  const host = new URL(server.url).host;
  outside.prependListener("request", ({ headers }) => {
    headers.host = host;
  });
  const stack = new Stack({ ...connection, "keycloak:url": url, "keycloak:adminUrl": adminUrl });
  await stack.up(...corner.all());
  t.deepEqual(await stack.preview(...corner.all()), []);
  t.true(asked.length > 0);
  t.deepEqual(
    asked.filter((path) => !path.startsWith(`${server.basePath}/admin/`)),
    [],
  );
  t.is(stack.outs("audience").server, `${url}${server.basePath}`);

  stack.config = {
    ...connection,
    "keycloak:url": url,
    "keycloak:adminUrl": "http://localhost:1",
    "keycloak:clientTimeout": "1",
  };
  await t.throwsAsync(stack.preview(...corner.all()), {
    message: new RegExp(`http://localhost:1${server.basePath} cannot be reached .*check keycloak:adminUrl`),
  });
});
