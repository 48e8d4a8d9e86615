// The proof: a real token, fetched as CX does, and verified in both ways that APISIX may use: the realm's keys and
// introspection. It changes nothing in Keycloak.
import { asFailure, Failure } from "../failure.ts";
import { directGrant, endSession } from "../keycloak/direct-grant.ts";
import type { Realm } from "../keycloak/realm.ts";
import { authorize } from "./authorization.ts";
import { beforeLogin } from "./before-login.ts";
import { explainRefusal } from "./explain.ts";
import { refusedToOthers } from "./gateway-scope.ts";
import type { TokenCheckInputs } from "./inputs.ts";
import { findPlaces } from "./places.ts";
import { type VerifiedToken, verify } from "./verify.ts";

/**
 * Fetches a token, verifies it, and ends its session.
 * @throws Failure that says why there was none, or why APISIX would not accept it.
 */
async function run(realm: Realm, inputs: TokenCheckInputs): Promise<VerifiedToken | undefined> {
  const client = await realm.usableClient(inputs.client);
  const { token: at, apisix } = await findPlaces(realm, inputs);
  const lastFailure = await beforeLogin(realm, inputs);
  const answer = await directGrant(realm, client, inputs.username, inputs.password, { lastFailure, at });
  const isOthers = inputs.keep && answer.outcome === "bad credentials" && answer.isCertain;
  if (isOthers && !(await hasOtp(realm, inputs.username))) {
    await realm.warn(
      `Nothing is proven for user '${inputs.username}' in realm '${realm.name}': the user has another password than the configured one, and this stack leaves it to others (keepCustomerPassword).`,
    );
    return undefined;
  }
  if (answer.outcome !== "token") throw await explainRefusal(realm, client, inputs, answer, at);
  try {
    if (apisix instanceof Failure) throw apisix;
    const verified = await verify(realm, client, inputs, answer.tokens, apisix);
    if (inputs.gatewayScope) await refusedToOthers(realm, inputs, inputs.gatewayScope);
    const { authorizedRequests } = inputs;
    if (!authorizedRequests?.length) return { ...verified, fetchedAt: at };
    await authorize(realm, client, inputs, apisix.base, answer.tokens.access, verified.roles);
    return { ...verified, fetchedAt: at, authorizedRequests };
  } finally {
    await endSession(realm, client, answer.tokens, at).catch((error) =>
      realm.warn(`${asFailure(error).message} The session ends by itself.`),
    );
  }
}

/** With OTP Keycloak gives that answer whatever the password is. */
async function hasOtp(realm: Realm, username: string): Promise<boolean> {
  const user = await realm.user(username);
  return user !== undefined && (await realm.credentials(user)).some(({ type }) => type === "otp");
}

/** What provider/proof.ts needs to know about it. */
export const tokenCheck = {
  noun: "token",
  identity: ["realm", "client", "username"],
  required: ["password"],
  output: "token",
  run,
} as const;
