// The direct grant (password grant) as CX makes it, and what Keycloak's answers mean.
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientRepresentation, FailedLogins, Realm, RealmRepresentation, User } from "./realm.ts";
import { claimsOf } from "./tokens.ts";

export type DirectGrant =
  | { readonly outcome: "token"; readonly tokens: Tokens }
  /** The password is right, but the profile is incomplete or a required action is pending. */
  | { readonly outcome: "not fully set up"; readonly said: string }
  /** A wrong password; or the right one of a user that is locked or has OTP set up. */
  | {
      readonly outcome: "bad credentials";
      readonly said: string;
      /** False if the password may be right, because Keycloak gives this answer during another login as well. */
      readonly isCertain: boolean;
    }
  | { readonly outcome: "user disabled"; readonly said: string }
  /** Anything that says nothing about the password: the client refuses, the realm is disabled, … */
  | { readonly outcome: "refused"; readonly said: string };

export interface Tokens {
  readonly access: string;
  readonly id: string | undefined;
  readonly refresh: string | undefined;
}

/** How the client authenticates at the realm's endpoints. */
export function clientCredentials(client: ClientRepresentation): Record<string, string> {
  return {
    client_id: client.clientId ?? "",
    ...(!client.publicClient && client.secret && { client_secret: client.secret }),
  };
}

interface LoginOptions {
  /** When the last failed login was that Keycloak has counted so far. Default: 0, there was none. */
  readonly lastFailure?: number;
  /** Default: `openid`. */
  readonly scope?: string;
  /** The realm's address to log in at. Default: ours. */
  readonly at?: string;
}

/** How many logins to try for an answer about the password. */
const attempts = 8;
/** How long Keycloak may take to count a failed login after its answer, in milliseconds, and how often to look. */
const counting = { longest: 3000, pause: 100 };

/**
 * Fetches a token; never asks for `offline_access`, which would leave an offline session. With brute-force
 * detection Keycloak lets a user log in once at a time. A second login meanwhile gets the answer for a wrong
 * password, but does not count as a failed login. Customers log in all the time, so that answer is believed only if
 * Keycloak counted it.
 */
export async function directGrant(
  realm: Realm,
  client: ClientRepresentation,
  username: string,
  password: string,
  { lastFailure = 0, scope = "openid", at = realm.address }: LoginOptions = {},
): Promise<DirectGrant> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await ask(realm, client, username, password, scope, at);
    if (answer.outcome !== "bad credentials") return answer;
    const [settings, user] = await Promise.all([realm.settings(), realm.user(username)]);
    if (!user || !settings.bruteForceProtected) return answer;
    const failures = await counted(realm, user, lastFailure);
    if (failures.last > lastFailure && !failures.isLocked) return answer;
    if (failures.isLocked || attempt === attempts || isLastTry(settings, failures)) {
      return { ...answer, isCertain: false };
    }
  }
}

/** Could one more failed login lock the user? */
export function isLastTry({ failureFactor = 30 }: RealmRepresentation, { count }: FailedLogins): boolean {
  return count + 1 >= failureFactor;
}

/** Waits until Keycloak has counted a failed login, if it does. */
async function counted(realm: Realm, user: User, lastFailure: number): Promise<FailedLogins> {
  for (let waited = 0; ; waited += counting.pause) {
    const failures = await realm.failedLogins(user);
    const isNew = failures.last > lastFailure || failures.isLocked;
    if (isNew || waited >= counting.longest) return failures;
    await sleep(counting.pause);
  }
}

async function ask(
  realm: Realm,
  client: ClientRepresentation,
  username: string,
  password: string,
  scope: string,
  at: string,
): Promise<DirectGrant> {
  const { status, body } = await realm.session.ask(
    `Getting a token for user '${username}' at client '${client.clientId}' in realm '${realm.name}'`,
    `${at}/protocol/openid-connect/token`,
    { grant_type: "password", scope, username, password, ...clientCredentials(client) },
  );
  if (status === 200 && typeof body.access_token === "string") {
    const text = (value: unknown) => (typeof value === "string" ? value : undefined);
    return {
      outcome: "token",
      tokens: { access: body.access_token, id: text(body.id_token), refresh: text(body.refresh_token) },
    };
  }
  const error = String(body.error ?? `HTTP ${status}`);
  const description = String(body.error_description ?? "");
  const said = description ? `${error}: ${description}` : error;
  if (description === "Account is not fully set up") return { outcome: "not fully set up", said };
  if (description === "Invalid user credentials") {
    return { outcome: "bad credentials", said, isCertain: true };
  }
  if (description === "Account disabled") return { outcome: "user disabled", said };
  return { outcome: "refused", said };
}

/**
 * Ends the session that a login opened.
 * @param at the realm's address at which it did: at another one, Keycloak may not accept the refresh token
 */
export async function endSession(
  realm: Realm,
  client: ClientRepresentation,
  tokens: Tokens,
  at = realm.address,
): Promise<void> {
  if (tokens.refresh) {
    const { status } = await realm.session.ask(
      `Ending the session of the token check in realm '${realm.name}'`,
      `${at}/protocol/openid-connect/logout`,
      { refresh_token: tokens.refresh, ...clientCredentials(client) },
    );
    if (status < 400) return;
  }
  const claims = claimsOf(tokens.access);
  const session = claims.sid ?? claims.session_state;
  if (typeof session !== "string") return;
  await realm.write(
    "Ending the session of the token check",
    [],
    () => realm.admin.realms.deleteSession({ realm: realm.name, session, isOffline: false }),
    // Not worth a second try: the session ends by itself.
    async () => true,
  );
}
