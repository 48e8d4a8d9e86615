// The user's password: not temporary, and set only when it has to be. It cannot be read, so a login or the
// credential's date tells whether it is still the configured one.
import { isDeepStrictEqual } from "node:util";
import { directGrant, endSession } from "../direct-grant.ts";
import { KeycloakError } from "../errors.ts";
import type { RealmSession, UserRepresentation } from "../realm-session.ts";
import { warn } from "../warnings.ts";
import type { Kind, KindInputs } from "./kind.ts";
import { labelMark, passwordOf, type UserWithCredentials, writeLabel } from "./user-label.ts";

export interface PasswordInputs extends KindInputs {
  readonly username: string;
  /** clientId of the client at which a login tells whether the password is right. */
  readonly client: string;
  readonly password: string;
}

interface Live extends UserWithCredentials {
  readonly user: UserRepresentation & { id: string; username: string };
  readonly hasOtp: boolean;
  /** True where it is kept by a user federation (LDAP, …): Keycloak has no credential to show, a login alone tells. */
  readonly federated: boolean;
}

/** What the `password` field holds instead of the password is when it was set; and these where it has to be. */
const anew = "to be set";
const renewed = "to be set, since it has expired";

export const password: Kind<PasswordInputs, Live> = {
  kind: "password",
  noun: "password",
  identity: ["realm", "username"],
  inputs: ["username", "client", "password"],
  describe: ({ username }) => `password of user '${username}'`,

  async find(realm, { username }) {
    const user = await realm.user(username);
    if (!user) return undefined;
    const credentials = await realm.credentials(user);
    const own = passwordOf(credentials);
    return {
      user,
      password: own,
      hasOtp: credentials.some(({ type }) => type === "otp"),
      federated: own === undefined && user.federationLink !== undefined,
    };
  },
  uuid: (live) => live.user.id,
  present: (live) => live.password !== undefined || live.federated,

  fields: (live) => ({
    password: setAt(live),
    requiredActions: live.user.requiredActions ?? [],
    otp: live.hasOtp ? "set up" : undefined,
  }),
  async wanted(realm, inputs, { live, recorded, previous, settle }) {
    const others = {
      requiredActions: (live?.user.requiredActions ?? []).filter(isOtp),
      // Not ours to change, but to know: with it no login tells whether the password is right.
      otp: live && password.fields(live).otp,
    };
    if (!live || !(live.password || live.federated)) return { password: anew, ...others };
    if (await hasExpired(realm, live)) return { password: renewed, ...others };
    const is = setAt(live);
    const changed = previous !== undefined && previous.password !== inputs.password;
    const otpChanged = recorded !== undefined && recorded.fields.otp?.written !== others.otp;
    if (recorded && !changed && !otpChanged && recorded.fields.password?.written === is) return others;
    if (settle) return { password: (await isRight(realm, inputs, live)) ? is : anew, ...others };
    if (otpChanged) await warnOfOtp(realm, live);
    // A forecast without the state's record must not guess: the label, or the trace, tells.
    return recorded ? { password: anew, ...others } : others;
  },
  explain(field, is, wanted) {
    if (field === "password") {
      if (wanted === renewed) return `${is}, expired by the realm's password policy`;
      return is === undefined ? "missing" : `${is}, not by this stack`;
    }
    if (!Array.isArray(is)) return undefined;
    const temporary = is.includes("UPDATE_PASSWORD") ? " (the password is temporary)" : "";
    return `${is.join(", ")} pending${temporary}, should be none`;
  },
  status: (previous, { password }) =>
    previous.password === password ? undefined : "to be set: the configured password has changed",

  async create(realm, { username }) {
    throw new KeycloakError(
      `Setting the password of user '${username}' in realm '${realm.name}' failed: the user is not there.`,
    );
  },
  async write(realm, live, fields, mark, inputs) {
    const { user } = live;
    if ((fields.password === anew || fields.password === renewed) && inputs) await reset(realm, live, inputs);
    else if ("password" in fields && fields.password === undefined) await removeCredential(realm, live);
    if (Array.isArray(fields.requiredActions)) {
      const requiredActions = [...fields.requiredActions];
      await realm.write(
        `Setting the required actions of user '${user.username}'`,
        ["user"],
        async () => {
          const whole = await realm.admin.users.findOne({ realm: realm.name, id: user.id });
          await realm.admin.users.update({ realm: realm.name, id: user.id }, { ...whole, requiredActions });
        },
        async () => {
          const now = await realm.user(user.username);
          return isDeepStrictEqual(now?.requiredActions?.toSorted() ?? [], requiredActions.toSorted());
        },
      );
    }
    if (!mark) return;
    await writeLabel(realm, { user, password: passwordOf(await realm.credentials(user)) }, mark.text);
  },
  async remove() {
    // Part of the user: put back, never removed by itself.
  },
  irreversible: {
    password: "a password cannot be read, so the one that was there before cannot be set again",
  },

  mark: labelMark,
  partOf: "user",
  trace: {
    of: setAt,
    field: "password",
    words: (live) => `${setAt(live)}, not by this stack`,
    always: true,
  },
};

function setAt({ password }: UserWithCredentials): string | undefined {
  if (!password) return undefined;
  return password.createdDate ? `set ${new Date(password.createdDate).toISOString()}` : "set";
}

/** In milliseconds. */
const day = 86_400_000;

/** A policy may let passwords expire: then nobody gets a token with the right one either, until it is set anew. */
async function hasExpired(realm: RealmSession, { password }: UserWithCredentials): Promise<boolean> {
  // The policy counts in whole days, so a younger one is not worth a request.
  if (!password?.createdDate || password.createdDate + day > Date.now()) return false;
  const { passwordPolicy } = await realm.settings();
  const days = Number(/forceExpiredPasswordChange\((\d+)\)/.exec(passwordPolicy ?? "")?.[1]);
  return days > 0 && password.createdDate + days * day < Date.now();
}

/** OTP is somebody's deliberate second factor: not ours to clear. */
function isOtp(requiredAction: string): boolean {
  return requiredAction === "CONFIGURE_TOTP";
}

async function reset(realm: RealmSession, live: Live, { password }: PasswordInputs): Promise<void> {
  const { user } = live;
  try {
    await realm.write(
      `Setting the password of user '${user.username}'`,
      // A required action to change it goes, too.
      user.requiredActions?.length ? ["credentials", "user"] : ["credentials"],
      () =>
        realm.admin.users.resetPassword({
          realm: realm.name,
          id: user.id,
          credential: { type: "password", value: password, temporary: false },
        }),
      // Set a second time, a history policy would refuse it.
      async () => {
        const now = passwordOf(await realm.credentials(user));
        return now !== undefined && setAt({ user, password: now }) !== setAt(live);
      },
    );
  } catch (error) {
    if (!(error instanceof KeycloakError) || error.status !== 400) throw error;
    const advice = /read.?only/i.test(error.message)
      ? "The user comes from a read-only user federation: set the configured password there, or configure the one that he has."
      : "The realm's password policy decides: configure another customerPassword, or change the policy.";
    throw new KeycloakError(`${error.message} ${advice}`, { status: 400 });
  }
}

async function removeCredential(realm: RealmSession, { user, password }: Live): Promise<void> {
  if (!password) return;
  await realm.write(
    `Removing the password of user '${user.username}'`,
    ["credentials"],
    () => realm.admin.users.deleteCredential({ realm: realm.name, id: user.id, credentialId: password.id }),
    async () => (await realm.credentials(user)).every(({ id }) => id !== password.id),
  );
}

/** Tells with one login, so that a right password is not set again: history policies would refuse it. */
async function isRight(realm: RealmSession, inputs: PasswordInputs, live: Live): Promise<boolean> {
  const { username } = inputs;
  await unlock(realm, live);
  if (live.hasOtp) {
    // Keycloak would answer as to a wrong password, and count it as one.
    await warn(
      `User '${username}' in realm '${realm.name}' has OTP set up, so a login cannot tell whether his password is the configured one: it was left as it is.`,
    );
    return true;
  }
  for (const clientId of [inputs.client, "admin-cli"]) {
    const client = await realm.client(clientId);
    const answer = await directGrant(realm, client, username, inputs.password, 0);
    if (answer.outcome === "token") {
      await endSession(realm, client, answer.tokens);
      return true;
    }
    if (answer.outcome === "not fully set up") return true;
    if (answer.outcome === "bad credentials") return false;
  }
  return false;
}

/** Said of what no field can show: an `up` cannot put it right, but has to look again. */
function warnOfOtp(realm: RealmSession, { user, hasOtp }: Live): Promise<void> {
  const about = `User '${user.username}' in realm '${realm.name}'`;
  return warn(
    hasOtp
      ? `${about} has OTP set up since the last 'up': customers get no token while he has it (Users, ${user.username}, Credentials).`
      : `${about} has no OTP any more: an 'up' sees whether his password is the configured one.`,
  );
}

/**
 * A locked user's right password is answered like a wrong one, and setting it anew would not unlock him. He is
 * enabled in the same `up`, so the lock has to go, too; what it told of is said. Earlier failures go with it, which a
 * right login would clear as well: the one that may come now must not be one too many.
 */
async function unlock(realm: RealmSession, { user }: Live): Promise<void> {
  const { count, isLocked } = await realm.failedLogins(user);
  if (count === 0 && !isLocked) return;
  await realm.write(
    `Unlocking user '${user.username}'`,
    [],
    () => realm.admin.attackDetection.del({ realm: realm.name, id: user.id }),
    async () => (await realm.failedLogins(user)).count === 0,
  );
  if (!isLocked) return;
  await warn(
    `User '${user.username}' in realm '${realm.name}' was locked by brute-force detection after ${count} failed logins, and has been unlocked: see who tries his password.`,
  );
}
