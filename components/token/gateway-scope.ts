// The proof that the gateway's scope keeps others out: another client of the realm asks for it, and is refused.
import { directGrant, endSession } from "../keycloak/direct-grant.ts";
import type { Realm } from "../keycloak/realm.ts";
import { claimsOf } from "../keycloak/tokens.ts";
import { notAccepted, type TokenCheckInputs } from "./inputs.ts";

/** Every realm has it, and it needs no secret. */
const anotherClient = "admin-cli";

/** @throws Failure if the other client gets the scope. */
export async function refusedToOthers(realm: Realm, inputs: TokenCheckInputs, scope: string): Promise<void> {
  const other = (await realm.clients()).find(({ clientId }) => clientId === anotherClient);
  const answer =
    other &&
    (await directGrant(realm, other, inputs.username, inputs.password, { scope: `openid ${scope}` }));
  if (other && answer?.outcome === "token") {
    const { scope: granted } = claimsOf(answer.tokens.access);
    await endSession(realm, other, answer.tokens);
    if (!String(granted).split(" ").includes(scope)) return;
    throw notAccepted(
      inputs,
      `client '${anotherClient}' gets scope '${scope}' as well, so the gateway would let in tokens of others; see which clients have that client scope`,
    );
  }
  if (answer?.outcome === "refused" && answer.said.startsWith("invalid_scope")) return;
  const why = answer && "said" in answer ? `Keycloak answered ${answer.said}` : "it is not there";
  await realm.warn(
    `That no other client of realm '${realm.name}' gets scope '${scope}' is not proven: client '${anotherClient}' was to ask for it, and ${why}.`,
  );
}
