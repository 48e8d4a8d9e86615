// A failed login can lock the user. So where a realm does that, none is tried that cannot succeed, or that would lock.
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { isLastTry } from "../keycloak/direct-grant.ts";
import type { Realm } from "../keycloak/realm.ts";
import { otpInTheWay } from "./explain.ts";
import type { TokenCheckInputs } from "./inputs.ts";

/** The longest wait for a quiet moment, in milliseconds. */
const longestWait = 10_000;

/**
 * @returns when the user's last failed login was, as `directGrant` takes it
 * @throws Failure that says why a login is not even tried.
 */
export async function beforeLogin(realm: Realm, inputs: TokenCheckInputs): Promise<number> {
  const { username } = inputs;
  const settings = await realm.settings();
  const user = settings.bruteForceProtected ? await realm.user(username) : undefined;
  if (!user) return 0;
  const untried = (why: string) =>
    new Failure(
      `Getting a token for user '${username}' at client '${inputs.client}' in realm '${realm.name}' was not tried: ${why}.`,
    );
  if (user.enabled === false) throw untried(`user '${username}' is disabled: enable it`);
  // Checked before the lock, because failed logins without the OTP may have caused that.
  const otp = otpInTheWay(username, await realm.credentials(user));
  if (otp) throw untried(otp);
  // Keycloak also locks a user after two failed logins in quick succession.
  const quick = settings.quickLoginCheckMilliSeconds ?? 1000;
  for (let known: number | undefined; ; await sleep(quick)) {
    const failures = await realm.failedLogins(user);
    const { count, last, isLocked } = failures;
    if (isLocked) {
      throw untried(
        `the user is locked by brute-force detection after ${count} failed logins: unlock the account (Users, ${username}), or wait`,
      );
    }
    if (isLastTry(settings, failures) || (last > 0 && quick > longestWait)) {
      const counted =
        count === 1 ? "1 failed login of this user is" : `${count} failed logins of this user are`;
      throw untried(
        `${counted} counted, and another one could lock the account: find out who fails, then clear the count with a login that succeeds or with 'Unlock all users' (Users)`,
      );
    }
    if (last === 0 || last === known) return last;
    known = last;
  }
}
