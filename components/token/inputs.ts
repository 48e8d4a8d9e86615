// The inputs of the token check, and how its failures begin.
import type { KindInputs } from "../ensure/kind.ts";
import { Failure } from "../failure.ts";

export interface TokenCheckInputs extends KindInputs {
  readonly client: string;
  readonly username: string;
  readonly password: string;
  /** True if the password is the business of others. */
  readonly keep?: boolean;
  /** Client scope that the token must carry, and that no other client can have. */
  readonly gatewayScope?: string;
  /** Realm roles that the token must carry. */
  readonly roles: readonly string[];
  /** What the user must be allowed to do, like `GET /ccm/channels`. */
  readonly authorizedRequests?: readonly string[];
  /** Where APISIX reaches Keycloak, base path included, if we use another address. */
  readonly apisixDiscoveryBase?: string;
  /** Where CX fetches the customer's token, base path included. Default: where APISIX reaches Keycloak. */
  readonly tokenBase?: string;
}

/** @param why completes "The token of user 'customer' … does not pass the token check: " */
export function notAccepted({ username, client, realm }: TokenCheckInputs, why: string): Failure {
  return new Failure(
    `The token of user '${username}' from client '${client}' in realm '${realm}' does not pass the token check: ${why}.`,
  );
}
