// What Keycloak says about a token when APISIX asks: the discovery document, and the introspection endpoint that it
// names.
import { asFailure, Failure } from "../failure.ts";
import { clientCredentials, type Tokens } from "../keycloak/direct-grant.ts";
import type { ClientRepresentation, Realm } from "../keycloak/realm.ts";
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
    const form = { token: tokens.access, ...clientCredentials(client) };
    return { at, ...(await realm.session.ask("Introspecting the token", at, form)) };
  };
  const { at, status, body } = await ask(discovery.introspection).catch(async (error) => {
    const here = introspectionAt(discovery.base);
    if (discovery.introspection === here) throw error;
    await realm.warn(
      `The discovery document at ${discovery.base} sends APISIX to ${discovery.introspection} for introspection, which is not reachable from here, so it was asked at ${here} instead: see that APISIX reaches it, or set Keycloak's option 'hostname-backchannel-dynamic' (${asFailure(error).message})`,
    );
    return ask(here);
  });
  if (body.active === true) return { at, claims: body };
  const said =
    status === 200 ? "active: false" : `${status} ${String(body.error_description ?? body.error ?? "")}`;
  throw notAccepted(
    inputs,
    `introspection by client '${inputs.client}' at ${at} answered ${said}; either the address differs from the one in the token (fix the server's hostname), or the client is not in its audience`,
  );
}

const introspectionAt = (base: string) => `${base}/protocol/openid-connect/token/introspect`;
