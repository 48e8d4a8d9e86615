// Explains why there was no token, because Keycloak's own answer rarely does.
import { Failure } from "../failure.ts";
import type { DirectGrant } from "../keycloak/direct-grant.ts";
import type { ClientRepresentation, CredentialRepresentation, Realm } from "../keycloak/realm.ts";
import { requiredAttributes } from "../keycloak/user-profile.ts";
import type { TokenCheckInputs } from "./inputs.ts";

type Refusal = Exclude<DirectGrant, { outcome: "token" }>;

/**
 * The failure to throw if a direct grant gave no token.
 * @param at the address that was asked
 */
export async function explainRefusal(
  realm: Realm,
  client: ClientRepresentation,
  inputs: TokenCheckInputs,
  answer: Refusal,
  at: string,
): Promise<Failure> {
  const why = await causeOf(realm, client, inputs, answer, at).catch(() => undefined);
  return new Failure(
    `Getting a token for user '${inputs.username}' at client '${inputs.client}' in realm '${realm.name}' failed: Keycloak answered ${answer.said}; ${why ?? "see the realm's events for the cause"}.`,
  );
}

async function causeOf(
  realm: Realm,
  client: ClientRepresentation,
  inputs: TokenCheckInputs,
  answer: Refusal,
  at: string,
): Promise<string | undefined> {
  const { outcome, said } = answer;
  const settings = await realm.settings();
  if (settings.enabled === false)
    return `realm '${realm.name}' is disabled: enable it (Realm settings, 'Enabled')`;
  if (client.enabled === false)
    return `client '${inputs.client}' is disabled: enable it (Clients, ${inputs.client})`;
  if (client.directAccessGrantsEnabled !== true) {
    return `client '${inputs.client}' does not allow direct grants: switch 'Direct access grants' on (Clients, ${inputs.client}, Settings)`;
  }
  if (at.startsWith("http:") && settings.sslRequired === "all") {
    return `realm '${realm.name}' requires SSL for all requests: use an https address, or set 'Require SSL' to 'External requests'`;
  }
  const user = await realm.user(inputs.username);
  if (!user) return "the user is not there";
  const otp = otpInTheWay(inputs.username, await realm.credentials(user));
  if (otp) return otp;
  if (user.enabled === false) return `user '${inputs.username}' is disabled: enable it`;
  const pending = user.requiredActions ?? [];
  if (outcome === "not fully set up" && pending.length > 0) {
    const temporary = pending.includes("UPDATE_PASSWORD") ? " (the password is temporary)" : "";
    return `required actions are pending: ${pending.join(", ")}${temporary}; clear them (Users, ${inputs.username}, Details)`;
  }
  if (outcome === "not fully set up") {
    const present = new Map(Object.entries({ ...user.attributes, ...user }));
    const missing = requiredAttributes(await realm.userProfile()).filter((name) => !present.get(name));
    return missing.length > 0
      ? `the realm's user profile requires ${missing.join(", ")}, which user '${inputs.username}' lacks`
      : `the profile of user '${inputs.username}' is incomplete: see Realm settings, User profile`;
  }
  if (answer.outcome === "bad credentials") {
    return answer.isCertain
      ? "the password is not the configured one"
      : "the password is not the configured one, or Keycloak did not look at it, because other logins of this user were running or had locked the account; see the realm's events, and run the command again";
  }
  if (said.includes("HTTPS required")) {
    return `realm '${realm.name}' requires SSL for external requests, and this one came over http: use an https address`;
  }
  return undefined;
}

/** Says that the user has OTP set up; undefined if it has not. */
export function otpInTheWay(
  username: string,
  credentials: readonly CredentialRepresentation[],
): string | undefined {
  return credentials.some(({ type }) => type === "otp")
    ? `user '${username}' has OTP set up, and a direct grant sends none: remove that credential (Users, ${username}, Credentials)`
    : undefined;
}
