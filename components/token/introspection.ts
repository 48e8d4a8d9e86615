// What Keycloak says about a token when APISIX asks.
import { clientCredentials, type Tokens } from "../keycloak/direct-grant.ts";
import type { ClientRepresentation, Realm } from "../keycloak/realm.ts";
import { askEndpoint } from "./endpoint.ts";
import { notAccepted, type TokenCheckInputs } from "./inputs.ts";
import { type Discovery, introspectionAt } from "./places.ts";

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
  { base, introspection }: Discovery,
): Promise<{ at: string; claims: Readonly<Record<string, unknown>> } | undefined> {
  if (client.publicClient) return undefined;
  const form = { token: tokens.access, ...clientCredentials(client) };
  const endpoint = { what: "introspection", base, named: introspection, here: introspectionAt(base) };
  const { at, status, body } = await askEndpoint(realm, inputs, endpoint, (address) =>
    realm.session.ask("Introspecting the token", address, form),
  );
  if (body.active === true) return { at, claims: body };
  const said =
    status === 200 ? "active: false" : `${status} ${String(body.error_description ?? body.error ?? "")}`;
  throw notAccepted(
    inputs,
    `introspection by client '${inputs.client}' at ${at} answered ${said}; either the address differs from the one in the token (fix the server's hostname), or the client is not in its audience`,
  );
}
