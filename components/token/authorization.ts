// May the customer do what it has to? Makes the calls that APISIX's plugin authz-keycloak makes, and no others unless
// Keycloak refuses.
import { parsedRequest } from "../authorized-requests.ts";
import { asFailure, Failure } from "../failure.ts";
import { clientCredentials, endSession, type Tokens } from "../keycloak/direct-grant.ts";
import type { ClientRepresentation, Realm } from "../keycloak/realm.ts";
import type { Answer } from "../keycloak/session.ts";
import { askEndpoint } from "./endpoint.ts";
import { explainDenial, explainNoRules, explainUnknownPath } from "./explain-authorization.ts";
import type { TokenCheckInputs } from "./inputs.ts";

const umaTicket = "urn:ietf:params:oauth:grant-type:uma-ticket";

/**
 * @param base the realm's address as APISIX reaches it
 * @param token the customer's access token
 * @param roles the realm roles in it
 * @throws Failure that names the first request that is refused, and the cause.
 */
export async function authorize(
  realm: Realm,
  client: ClientRepresentation & { readonly id: string },
  inputs: TokenCheckInputs,
  base: string,
  token: string,
  roles: readonly string[],
): Promise<void> {
  const { session } = realm;
  const document = `${base}/.well-known/uma2-configuration`;
  const { body: uma } = await session.ask("Reading the UMA configuration", document);
  if (typeof uma.token_endpoint !== "string") {
    throw new Failure(
      `Reading the UMA configuration failed: there is none at ${document}; see whether Keycloak's feature 'authorization' is on.`,
    );
  }
  const { at, ...answer } = await askEndpoint(
    realm,
    inputs,
    {
      what: "permissions",
      base,
      named: uma.token_endpoint,
      here: `${base}/protocol/openid-connect/token`,
    },
    (address) =>
      session.ask(`Getting a token for the service account of client '${inputs.client}'`, address, {
        grant_type: "client_credentials",
        ...clientCredentials(client),
      }),
  );
  const account = tokensIn(answer);
  if (!account) throw explainNoRules(client, inputs, answer);
  try {
    for (const request of inputs.authorizedRequests ?? []) {
      const { method, path } = parsedRequest(request) ?? invalid(request);
      const found = await session.ask(
        `Looking for the resource of '${path}'`,
        `${base}/authz/protection/resource_set?${new URLSearchParams({ uri: path, matchingUri: "true" })}`,
        undefined,
        account.access,
      );
      if (found.status !== 200) throw explainNoRules(client, inputs, found);
      const ids = Object.values(found.body).map(String);
      if (ids.length === 0) throw await explainUnknownPath(realm, client, inputs, request, path);
      const decision = await session.ask(
        `Asking whether user '${inputs.username}' may '${request}'`,
        at,
        [
          ["grant_type", umaTicket],
          ["audience", inputs.client],
          ["response_mode", "decision"],
          ...ids.map((id): [string, string] => ["permission", `${id}#${method}`]),
        ],
        token,
      );
      if (decision.body.result !== true) {
        const refused = { request, method, ids, answer: decision };
        throw await explainDenial(realm, client, inputs, refused, { token, roles });
      }
    }
  } finally {
    // Only a client that gives its service account refresh tokens gives it a session.
    if (account.refresh) {
      await endSession(realm, client, account, base).catch((error) =>
        realm.warn(`${asFailure(error).message} The service account's session ends by itself.`),
      );
    }
  }
}

function tokensIn({ status, body }: Answer): Tokens | undefined {
  const { access_token: access, refresh_token: refresh } = body;
  if (status !== 200 || typeof access !== "string") return undefined;
  return { access, id: undefined, refresh: typeof refresh === "string" ? refresh : undefined };
}

/** The component has refused it, unless it came from elsewhere. */
function invalid(request: string): never {
  throw new Failure(`'${request}' in authorizedRequests is no request like 'GET /ccm/channels'.`);
}
