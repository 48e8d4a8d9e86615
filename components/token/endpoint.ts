// Asks an endpoint as APISIX does: where the realm's document sends it, unless nobody has named that address.
import { asFailure } from "../failure.ts";
import type { Realm } from "../keycloak/realm.ts";
import type { Answer } from "../keycloak/session.ts";
import { isBelow } from "./addresses.ts";
import type { TokenCheckInputs } from "./inputs.ts";

interface Endpoint {
  /** What it is for: "introspection". */
  readonly what: string;
  /** The realm's address, at which the document was read. */
  readonly base: string;
  /** Where the document sends APISIX. */
  readonly named: string;
  /** The same endpoint below `base`. */
  readonly here: string;
}

/**
 * Asks there, or below `base` with a warning that says why.
 * @param ask sends credentials
 */
export async function askEndpoint(
  realm: Realm,
  { apisixDiscoveryBase, tokenBase }: TokenCheckInputs,
  { what, base, named, here }: Endpoint,
  ask: (at: string) => Promise<Answer>,
): Promise<Answer & { at: string }> {
  const askHere = async (why: string, cure: string) => {
    await realm.warn(
      `The document at ${base} sends APISIX to ${named} for ${what}, ${why}. It was asked at ${here} instead, so what APISIX is told is not proven: ${cure}, or set Keycloak's option 'hostname-backchannel-dynamic'.`,
    );
    return { ...(await ask(here)), at: here };
  };
  const isNamed = [realm.server, apisixDiscoveryBase ?? "", tokenBase ?? ""].some((each) =>
    isBelow(named, each),
  );
  if (!isNamed) {
    return askHere(
      `which is neither ${realm.session.connection.namespace}:url nor apisixDiscoveryBase nor tokenBase and gets no credentials`,
      "if that is your Keycloak, set apisixDiscoveryBase to its address",
    );
  }
  try {
    return { ...(await ask(named)), at: named };
  } catch (error) {
    if (named === here) throw error;
    return askHere(
      `which is not reachable from here (${asFailure(error).message})`,
      "see that APISIX reaches it",
    );
  }
}
