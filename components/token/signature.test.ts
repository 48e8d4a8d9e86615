// What is wrong with a token, in words: real tokens, signed with real keys.
import test from "ava";
import { exportJWK, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose";
import { checkSignature } from "./signature.ts";

const issuer = "https://keycloak.example.com/realms/cx";
/** Long ago, so that every token here has expired by this machine's clock. */
const iat = 1_700_000_000;
const { privateKey, publicKey } = await generateKeyPair("RS256");
const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: "ours", use: "sig", alg: "RS256" }] };

function signed(
  claims: JWTPayload = {},
  header: Partial<JWTHeaderParameters> = {},
  key: Parameters<SignJWT["sign"]>[0] = privateKey,
): Promise<string> {
  return new SignJWT({ iss: issuer, iat, exp: iat + 300, ...claims })
    .setProtectedHeader({ alg: "RS256", kid: "ours", ...header })
    .sign(key);
}

const expected = { keys, issuer, base: "https://keycloak/realms/cx" };

const check = (token: string) => checkSignature(token, "access", { ...expected, algorithms: ["RS256"] });

test("a good token verifies, whatever this machine's clock says", async (t) => {
  t.like(await check(await signed()), { payload: { iss: issuer }, protectedHeader: { kid: "ours" } });
});

test("what is wrong is said as what it is", async (t) => {
  const secret = new TextEncoder().encode("a secret of at least 256 bits, as HS256 wants it");
  const { privateKey: foreign } = await generateKeyPair("RS256");
  const says: readonly [string, RegExp][] = [
    [await signed({}, {}, foreign), /^the signature of the access token does not match the realm's keys$/],
    [
      await signed({ exp: iat }),
      /^the access token expired at 2023-11-14T22:13:20Z, and was issued at 2023-/,
    ],
    [
      await signed({ exp: undefined }),
      /^the access token cannot be verified \(missing required "exp" claim\)$/,
    ],
    [await signed({ nbf: iat + 60 }), /^the access token is not valid before 2023-11-14T22:14:20Z, and was/],
    [
      await signed({}, { alg: "HS256" }, secret),
      /^the access token is signed with HS256, and APISIX expects/,
    ],
    [
      await signed({}, { kid: "theirs" }),
      /^the realm publishes no key 'theirs', which signed the access token/,
    ],
    [
      await signed({ iss: "https://elsewhere" }),
      /^its issuer is https:\/\/elsewhere, but at https:\/\/keycloak\/realms\/cx the realm calls itself https:/,
    ],
    ["opaque", /^the access token is not a signed JWT$/],
  ];
  for (const [token, words] of says) {
    const why = await check(token);
    t.regex(typeof why === "string" ? why : "it verifies", words);
  }
});

test("an ID token may be signed with another algorithm, if the realm publishes the key", async (t) => {
  const other = await generateKeyPair("ES256");
  const all = { keys: [...keys.keys, { ...(await exportJWK(other.publicKey)), kid: "es", alg: "ES256" }] };
  const token = await signed({}, { alg: "ES256", kid: "es" }, other.privateKey);
  t.like(await checkSignature(token, "ID", { ...expected, keys: all }), {
    protectedHeader: { alg: "ES256" },
  });
});
