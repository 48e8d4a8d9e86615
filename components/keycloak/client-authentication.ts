// How the admin's client shows Keycloak who it is: by its secret, or by a JWT (RFC 7523), given or signed here.
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Failure } from "../failure.ts";
import type { Connection } from "./connection.ts";

/** Seconds in which a JWT that was signed here has to arrive. */
const lifespan = 60;

/**
 * Fields of a form; with every call new ones, because Keycloak takes a JWT only once.
 * @throws Failure if there can be no JWT
 */
export async function clientAuthentication(connection: Connection): Promise<Record<string, string>> {
  const { clientId, clientSecret } = connection;
  const jwt = await jwtOf(connection);
  return {
    ...(clientId && { client_id: clientId }),
    // The admin client sends it in a header, which Keycloak before 20 misreads if it has special characters.
    ...(clientSecret && { client_secret: clientSecret }),
    ...(jwt && {
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: jwt,
    }),
  };
}

async function jwtOf(connection: Connection): Promise<string | undefined> {
  const { jwtToken, jwtTokenFile } = connection;
  if (jwtToken) return jwtToken;
  return jwtTokenFile ? inFile(connection, jwtTokenFile) : signed(connection);
}

/** Read anew each time, because whoever writes the file replaces it before it expires. */
async function inFile({ namespace }: Connection, file: string): Promise<string> {
  const refuse = (why: string) =>
    new Failure(`${namespace}:jwtTokenFile names a file without a JWT: ${file} ${why}.`, { shared: true });
  const text = await readFile(file, "utf8").catch(({ code }) => {
    throw refuse(`cannot be read (${code})`);
  });
  if (text.trim() === "") throw refuse("is empty");
  return text.trim();
}

async function signed(connection: Connection): Promise<string | undefined> {
  const { namespace, server, adminRealm, clientId = "", jwtSigningKey, jwtSigningAlg } = connection;
  if (!jwtSigningKey) return undefined;
  const { SignJWT } = await import("jose");
  const now = Math.floor(Date.now() / 1000);
  const jwt = new SignJWT({ iss: clientId, sub: clientId, jti: randomUUID(), iat: now, exp: now + lifespan })
    .setProtectedHeader({ alg: jwtSigningAlg })
    // As the operator calls the realm. What a document says of its issuer could make it a JWT for another server.
    .setAudience(`${server}/realms/${encodeURIComponent(adminRealm)}`);
  return jwt.sign(jwtSigningKey).catch(() => {
    const key = `${jwtSigningKey.asymmetricKeyType?.toUpperCase()} key`;
    throw new Failure(
      `${namespace}:jwtSigningAlg is ${jwtSigningAlg}, with which the ${key} in ${namespace}:jwtSigningKey cannot sign: set an algorithm for that key.`,
      { shared: true },
    );
  });
}
