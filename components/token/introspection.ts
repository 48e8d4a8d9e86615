// What Keycloak says about a token when APISIX asks: the discovery document, and the introspection endpoint that it
// names.
import { asFailure, Failure } from "../failure.ts";
import { isInTheClear } from "../keycloak/connection.ts";
import { clientCredentials, type Tokens } from "../keycloak/direct-grant.ts";
import type { ClientRepresentation, Realm } from "../keycloak/realm.ts";
import { isBelow } from "./addresses.ts";
import { notAccepted, type TokenCheckInputs } from "./inputs.ts";

/** The realm as APISIX sees it. */
export interface Discovery {
  /** The realm's address, at which APISIX reads the discovery document. */
  readonly base: string;
  readonly issuer: string;
  /** Where that document sends APISIX for introspection. With a fixed hostname this differs from `base`. */
  readonly introspection: string;
}

/** Reads the document at APISIX's address or, if that is unreachable from here, at ours. */
export async function discover(realm: Realm, { apisixDiscoveryBase }: TokenCheckInputs): Promise<Discovery> {
  const read = async (base: string): Promise<Discovery> => {
    const { body } = await realm.session.ask(
      "Reading the discovery document",
      `${base}/.well-known/openid-configuration`,
    );
    if (typeof body.issuer !== "string") {
      throw new Failure(`Reading the discovery document failed: there is none at ${base}.`);
    }
    const { issuer, introspection_endpoint: named } = body;
    return { base, issuer, introspection: typeof named === "string" ? named : introspectionAt(base) };
  };
  if (apisixDiscoveryBase) {
    const base = `${apisixDiscoveryBase.replace(/\/+$/, "")}/realms/${encodeURIComponent(realm.name)}`;
    try {
      return await read(base);
    } catch (error) {
      await realm.warn(
        `APISIX's own address ${apisixDiscoveryBase} is not reachable from here, so introspection was asked at ${realm.server} instead: what APISIX will see there is not proven (${asFailure(error).message})`,
      );
    }
  }
  return read(realm.address);
}

/**
 * Asks as the client, like APISIX. Undefined for a public client, which cannot ask; the mapper's check has warned
 * about that.
 * @throws Failure if the answer is not `active: true`.
 */
export async function introspect(
  realm: Realm,
  client: ClientRepresentation,
  inputs: TokenCheckInputs,
  tokens: Tokens,
  discovery: Discovery,
): Promise<{ at: string; claims: Readonly<Record<string, unknown>> } | undefined> {
  if (client.publicClient) return undefined;
  const ask = async (at: string) => {
    // About Keycloak's own address the session has warned.
    if (isInTheClear(at) && !isBelow(at, realm.server)) {
      await realm.warn(
        `The client's secret and a token travel in the clear to ${at}, as they do from APISIX: set apisixDiscoveryBase to an https address.`,
      );
    }
    const form = { token: tokens.access, ...clientCredentials(client) };
    return { at, ...(await realm.session.ask("Introspecting the token", at, form)) };
  };
  const { base, introspection } = discovery;
  const here = introspectionAt(base);
  const askHere = async (why: string, cure: string) => {
    await realm.warn(
      `The discovery document at ${base} sends APISIX to ${introspection} for introspection, ${why}. It was asked at ${here} instead, so what APISIX is told is not proven: ${cure}, or set Keycloak's option 'hostname-backchannel-dynamic'.`,
    );
    return ask(here);
  };
  const isNamed = [realm.server, inputs.apisixDiscoveryBase ?? ""].some((named) =>
    isBelow(introspection, named),
  );
  const { at, status, body } = isNamed
    ? await ask(introspection).catch((error) => {
        if (introspection === here) throw error;
        const why = `which is not reachable from here (${asFailure(error).message})`;
        return askHere(why, "see that APISIX reaches it");
      })
    : await askHere(
        `which is neither ${realm.session.connection.namespace}:url nor apisixDiscoveryBase and gets no credentials`,
        "if that is your Keycloak, set apisixDiscoveryBase to its address",
      );
  if (body.active === true) return { at, claims: body };
  const said =
    status === 200 ? "active: false" : `${status} ${String(body.error_description ?? body.error ?? "")}`;
  throw notAccepted(
    inputs,
    `introspection by client '${inputs.client}' at ${at} answered ${said}; either the address differs from the one in the token (fix the server's hostname), or the client is not in its audience`,
  );
}

const introspectionAt = (base: string) => `${base}/protocol/openid-connect/token/introspect`;
