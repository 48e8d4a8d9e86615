// A service account that may write, whose client shows who it is by a JWT.
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import type { ExecutionContext } from "ava";
import { SignJWT } from "jose";
import { server, type TestRealm } from "../../rig/keycloak/realm.ts";
import { makeAuthority } from "../../rig/servers/authority.ts";
import { LimitedAdmin } from "./limited-admin.ts";

export const keyPairs = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
};

export const pem = (key: KeyObject, type: "pkcs8" | "pkcs1" = "pkcs8") =>
  `${key.export({ format: "pem", type })}`;

/** As somebody imports the certificate in the console. */
async function withCertificate() {
  const { key, cert } = await (await makeAuthority()).issue("pulumi");
  const certificate = cert.replaceAll(/-----.*-----|\n/g, "");
  return { privateKey: createPrivateKey(key), attributes: { "jwt.credential.certificate": certificate } };
}

function withKeySet(alg: keyof typeof keyPairs) {
  const { privateKey, publicKey } = keyPairs[alg]();
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "the-key", use: "sig", alg };
  const keys = JSON.stringify({ keys: [jwk] });
  return { privateKey, attributes: { "use.jwks.string": "true", "jwks.string": keys } };
}

export async function clientWithKey(
  t: ExecutionContext,
  realm: TestRealm,
  { alg = "RS256", ...more }: { alg?: keyof typeof keyPairs; directAccessGrantsEnabled?: boolean } = {},
) {
  const rights = ["manage-users", "manage-clients", "manage-realm"];
  const writer = await LimitedAdmin.create(realm, "the realm", rights);
  t.teardown(() => writer.delete());
  const { "keycloak:clientSecret": _secret, ...config } = writer.connection;
  const clientId = config["keycloak:clientId"] ?? "";
  const { privateKey, attributes } = alg === "RS256" ? await withCertificate() : withKeySet(alg);
  const client = await realm.client(clientId);
  await realm.admin("PUT", `/clients/${client.id}`, {
    ...client,
    ...more,
    clientAuthenticatorType: "client-jwt",
    attributes: {
      ...client.attributes,
      "token.endpoint.auth.signing.alg": alg,
      ...attributes,
    },
  });
  /** As the platform's identity service makes it. */
  const newJwt = (address = server.address) =>
    new SignJWT({ iss: clientId, sub: clientId, jti: randomUUID() })
      .setProtectedHeader({ alg })
      .setAudience(`${address}/realms/${realm.name}`)
      .setIssuedAt()
      .setExpirationTime("1 minute")
      .sign(privateKey);
  return { config, clientId, privateKey, uuid: client.id, newJwt };
}
