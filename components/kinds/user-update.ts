// Writes to a user. A whole representation would also write what it says about everything else: read while
// brute-force detection has the user locked, that is `enabled: false` (Keycloak up to 26.2), and `enabled: true` ends
// such a lock (from 26.3.5 on).
import semver from "semver";
import { Failure } from "../failure.ts";
import type { Realm, User, UserRepresentation } from "../keycloak/realm.ts";

/** Changes only what `changes` names. Enabling also ends a lock, on every release alike. */
export async function updateUser(
  realm: Realm,
  user: User,
  attempt: string,
  changes: UserRepresentation,
  isDone: (now: User) => boolean,
): Promise<void> {
  const { id, username, email } = user;
  await refuseRename(realm, username, changes.email ?? email, Object.keys(changes));
  if (changes.enabled) await unlock(realm, user);
  const whole = { ...(await carriedAlong(realm, user)), ...changes };
  await realm.write(
    attempt,
    ["user"],
    () => realm.admin.users.update({ realm: realm.name, id }, whole),
    async () => {
      const now = await realm.user(username);
      return now?.id === id && isDone(now);
    },
  );
}

/**
 * Keycloak before 20.0.5 has the user profile as a preview feature, and there removes every value of it that a write
 * leaves out (keycloak/keycloak#14035).
 */
async function carriedAlong(realm: Realm, user: User): Promise<UserRepresentation> {
  if ((await realm.userProfile()) === undefined) return {};
  const release = semver.coerce(await realm.session.release());
  if (!release || semver.gte(release, "20.0.5")) return {};
  const { username, email, firstName, lastName, attributes } = user;
  return { username, email, firstName, lastName, attributes };
}

/**
 * Ends a lock by brute-force detection, with a warning. It clears earlier failed logins too, as a successful login
 * would: our own login must not be the one that locks the account.
 */
export async function unlock(realm: Realm, { id, username }: Pick<User, "id" | "username">): Promise<void> {
  if (!(await realm.settings()).bruteForceProtected) return;
  const { count, isLocked } = await realm.failedLogins({ id, username });
  if (count === 0 && !isLocked) return;
  await realm.write(
    `Unlocking user '${username}'`,
    [],
    () => realm.admin.attackDetection.del({ realm: realm.name, id }),
    async () => (await realm.failedLogins({ id, username })).count === 0,
  );
  if (!isLocked) return;
  await realm.warn(
    `User '${username}' in realm '${realm.name}' was locked by brute-force detection after ${count} failed logins, and has been unlocked: find out who tries to log in as this user.`,
  );
}

/**
 * Where the realm takes the email address as username, Keycloak renames a user with another name, whatever is written
 * to it, or refuses the write.
 */
export async function wouldRename(
  realm: Realm,
  username: string,
  email: string | undefined,
): Promise<boolean> {
  if (email?.toLowerCase() === username.toLowerCase()) return false;
  return (await realm.settings()).registrationEmailAsUsername === true;
}

/** @throws Failure that says what to do if writing these fields would rename the user. */
export async function refuseRename(
  realm: Realm,
  username: string,
  email: string | undefined,
  fields: readonly string[],
): Promise<void> {
  if (fields.length === 0 || !(await wouldRename(realm, username, email))) return;
  throw new Failure(
    `Setting ${fields.join(", ")} of user '${username}' in realm '${realm.name}' would rename the user: the realm takes the email address as username; leave 'email' out of the profile (config: customerProfile), give the user its username as email address, or switch 'Email as username' off (Realm settings, Login).`,
  );
}
