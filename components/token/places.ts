// Where CX fetches the customer's token, and where APISIX asks about it, as far as both can be reached from here.
import { asFailure, Failure } from "../failure.ts";
import { isInTheClear } from "../keycloak/connection.ts";
import type { Realm } from "../keycloak/realm.ts";
import { isBelow } from "./addresses.ts";
import type { TokenCheckInputs } from "./inputs.ts";

/** The realm as one address shows it. */
export interface Discovery {
  /** The realm's address, at which the discovery document was read. */
  readonly base: string;
  readonly issuer: string;
  /** Where that document sends APISIX for introspection. With a fixed hostname this differs from `base`. */
  readonly introspection: string;
}

interface Places {
  /** The realm's address at which the token is fetched. */
  readonly token: string;
  /** The realm as APISIX sees it, or why nobody sees it. */
  readonly apisix: Discovery | Failure;
}

/**
 * Finds both. If only one can be reached, it stands in for the other, and our own address for both if neither can. Each
 * address may give another issuer, so comparing one that is used with one that is not would be a false alarm.
 */
export async function findPlaces(realm: Realm, inputs: TokenCheckInputs): Promise<Places> {
  const atApisix = trimmed(inputs.apisixDiscoveryBase ?? realm.server);
  const atToken = trimmed(inputs.tokenBase ?? atApisix);
  const asApisix = reach(realm, atApisix);
  const [apisix, token] = await Promise.all([
    asApisix,
    atToken === atApisix ? asApisix : reach(realm, atToken),
  ]);
  const reached = [apisix, token].find((each): each is Discovery => !(each instanceof Failure));
  const instead = reached ?? (await reach(realm, realm.server));
  const base = instead instanceof Failure ? realm.address : instead.base;

  const uses =
    atToken === atApisix
      ? [{ at: atApisix, found: apisix, ...bothUses }]
      : [
          { at: atToken, found: token, ...tokenUse },
          { at: atApisix, found: apisix, ...apisixUse },
        ];
  for (const { at, found, use, claim, secrets } of uses) {
    if (found instanceof Failure) {
      if (at === realm.server) continue;
      await realm.warn(
        `${at}, where ${use}, is not reachable from here, so ${base} was asked in its place, and ${claim} is not proven. ${found.message}`,
      );
    } else if (isInTheClear(found.base) && !isBelow(found.base, realm.server)) {
      // About Keycloak's own address the session has warned.
      await realm.warn(
        `${secrets} travel in the clear to ${at}, where ${use}: set ${settingOf(at, inputs)} to an https address.`,
      );
    }
  }
  return {
    token: token instanceof Failure ? base : token.base,
    apisix: apisix instanceof Failure ? instead : apisix,
  };
}

const tokenUse = {
  use: "CX fetches its customers' tokens",
  claim: "that CX gets a token there",
  secrets: "The customer's password and the client's secret",
};
const apisixUse = {
  use: "APISIX asks about tokens",
  claim: "that APISIX accepts the token there",
  secrets: "The client's secret and a token",
};
const bothUses = {
  use: `${tokenUse.use} and ${apisixUse.use}`,
  claim: `${tokenUse.claim} and ${apisixUse.claim}`,
  secrets: tokenUse.secrets,
};

async function reach(realm: Realm, server: string): Promise<Discovery | Failure> {
  const base = `${server}/realms/${encodeURIComponent(realm.name)}`;
  const address = `${base}/.well-known/openid-configuration`;
  try {
    const { body } = await realm.session.ask("Reading the discovery document", address);
    const { issuer, introspection_endpoint: named } = body;
    if (typeof issuer === "string") {
      return { base, issuer, introspection: typeof named === "string" ? named : introspectionAt(base) };
    }
    return new Failure(`Reading the discovery document failed: there is none at ${base}.`);
  } catch (error) {
    return asFailure(error);
  }
}

export const introspectionAt = (base: string) => `${base}/protocol/openid-connect/token/introspect`;

function settingOf(at: string, { tokenBase }: TokenCheckInputs): string {
  return tokenBase !== undefined && trimmed(tokenBase) === at ? "tokenBase" : "apisixDiscoveryBase";
}

const trimmed = (address: string) => address.replace(/\/+$/, "");
