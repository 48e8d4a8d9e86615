// The proof: a real token, fetched as CX does, and verified in both ways that APISIX may use: the realm's keys and
// introspection. It changes nothing in Keycloak.
import { asFailure } from "../failure.ts";
import { directGrant, endSession } from "../keycloak/direct-grant.ts";
import type { Realm } from "../keycloak/realm.ts";
import { beforeLogin } from "./before-login.ts";
import { explainRefusal } from "./explain.ts";
import type { TokenCheckInputs } from "./inputs.ts";
import { type VerifiedToken, verify } from "./verify.ts";

/**
 * Fetches a token, verifies it, and ends its session.
 * @throws Failure that says why there was none, or why APISIX would not accept it.
 */
async function run(realm: Realm, inputs: TokenCheckInputs): Promise<VerifiedToken> {
  const client = await realm.usableClient(inputs.client);
  const lastFailure = await beforeLogin(realm, inputs);
  const answer = await directGrant(realm, client, inputs.username, inputs.password, lastFailure);
  if (answer.outcome !== "token") throw await explainRefusal(realm, client, inputs, answer);
  try {
    return await verify(realm, client, inputs, answer.tokens);
  } finally {
    await endSession(realm, client, answer.tokens).catch((error) =>
      realm.warn(`${asFailure(error).message} The session ends by itself.`),
    );
  }
}

/** What provider/proof.ts needs to know about it. */
export const tokenCheck = {
  noun: "token",
  identity: ["realm", "client", "username"],
  output: "token",
  run,
} as const;
