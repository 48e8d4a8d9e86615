// The user's password: not temporary, and set only if necessary. It cannot be read, so a login or the credential's
// date shows whether it is still the configured one.
import { isDeepStrictEqual } from "node:util";
import type { KindInputs, LiveObject, PartKind } from "../ensure/kind.ts";
import { Failure, hasMeaning } from "../failure.ts";
import { directGrant, endSession } from "../keycloak/direct-grant.ts";
import type { ClientRepresentation, Realm, User } from "../keycloak/realm.ts";
import {
  markOn,
  type PasswordCredential,
  passwordOf,
  type UserWithPassword,
  writeMark,
} from "./user-mark.ts";
import { refuseRename, unlock, updateUser } from "./user-update.ts";

export interface PasswordInputs extends KindInputs {
  readonly username: string;
  /** clientId of the client with which a login checks the password. */
  readonly client: string;
  readonly password: string;
  /** True if the password is the business of others once the user has one. */
  readonly keep?: boolean;
  /** Who else must know the password, in words. */
  readonly __neededBy?: string;
}

interface Live extends LiveObject, UserWithPassword {
  readonly user: User;
  readonly present: boolean;
  readonly hasOtp: boolean;
}

/** The `password` field holds the time when it was set, never the password; or one of these if it must be set. */
const toBeSet = "to be set";
const expired = "to be set, since it has expired";
/** Only in forecasts: no preview logs in. */
const unlessConfigured = "to be set, unless it is the configured one";

export const password: PartKind<PasswordInputs, Live, Realm> = {
  noun: "password",
  partOf: "user",
  identity: ["realm", "username"],
  required: ["client", "password"],
  describe: ({ username }) => `password of user '${username}'`,

  async find(realm, inputs) {
    const user = await realm.user(inputs.username);
    return user && liveOf(realm, inputs, user);
  },
  async findById(realm, inputs, id) {
    const user = await realm.userById(id);
    if (!user) return undefined;
    const name = password.describe({ ...inputs, username: user.username });
    return { live: await liveOf(realm, inputs, user), name };
  },

  async wanted(realm, inputs, { live, written, previous, writing }) {
    const { keep = false } = inputs;
    const isOthers = (action: string) => isOtp(action) || (keep && action === "UPDATE_PASSWORD");
    const others = {
      requiredActions: (live?.user.requiredActions ?? []).filter(isOthers),
      otp: live?.fields.otp,
    };
    const isCleared = live && !isDeepStrictEqual(live.fields.requiredActions, others.requiredActions);
    if (isCleared) await refuseRename(realm, inputs.username, live.user.email, ["requiredActions"]);
    const isExpired = !keep && live?.present && (await hasExpired(realm, live.password));
    if (!live?.present || isExpired) {
      // A locked user gets no token, whatever its password is.
      if (writing && live) await unlock(realm, live.user);
      return { password: isExpired ? expired : toBeSet, ...others };
    }
    if (keep) return others;
    const is = live.fields.password;
    const isChanged =
      previous !== undefined && (previous.password !== inputs.password || previous.keep === true);
    const isOtpChanged = written !== undefined && written.otp !== others.otp;
    if (written && !isChanged && !isOtpChanged && written.password === is) return others;
    if (writing) {
      const isToStay = await mayStay(realm, inputs, live, isChanged);
      return { password: isToStay ? is : toBeSet, ...others };
    }
    const isNew = !written && !previous;
    if (isNew) return live.hasOtp ? others : { password: unlessConfigured, ...others };
    if (isOtpChanged) await warnOfOtp(realm, live);
    // Without the state's record a forecast must not guess: the label or the credential's date shows a reset.
    return written ? { password: toBeSet, ...others } : others;
  },
  explain(field, is, wanted, inputs) {
    if (field === "password") {
      if (wanted === unlessConfigured)
        return `will be replaced unless it is already the configured one; ${neededBy(inputs)} then needs the new one`;
      if (typeof is !== "string") return "missing";
      if (wanted === expired) return `set ${inMinutes(is)}, expired by the realm's password policy`;
      return resetOutside(is);
    }
    if (!Array.isArray(is)) return undefined;
    const temporary = is.includes("UPDATE_PASSWORD") ? " (the password is temporary)" : "";
    return `${is.join(", ")} pending${temporary}, should be none`;
  },

  async write(realm, live, { fields, mark }, inputs) {
    const { user } = live;
    if (fields.password === toBeSet || fields.password === expired)
      await reset(realm, live, inputs, fields.password === expired);
    else if ("password" in fields && fields.password === undefined) await removeCredential(realm, live);
    if (Array.isArray(fields.requiredActions)) {
      const requiredActions = [...fields.requiredActions];
      await updateUser(
        realm,
        user,
        `Setting the required actions of user '${user.username}'`,
        { requiredActions },
        (now) => isDeepStrictEqual(now.requiredActions?.toSorted() ?? [], requiredActions.toSorted()),
      );
    }
    if (mark) await writeMark(realm, { user, password: passwordOf(await realm.credentials(user)) }, mark);
  },
  irreversible: {
    password: "a password cannot be read, so the one that was there before cannot be set again",
  },
};

async function liveOf(realm: Realm, { keep }: PasswordInputs, user: User): Promise<Live> {
  const credentials = await realm.credentials(user);
  const own = passwordOf(credentials);
  const hasOtp = credentials.some(({ type }) => type === "otp");
  const since = setAt(own);
  return {
    id: user.id,
    fields: {
      password: since,
      requiredActions: user.requiredActions ?? [],
      // Not ours to change, but important to know: with OTP no login can check the password.
      otp: hasOtp ? "set up" : undefined,
    },
    mark: markOn(own),
    // A password in a user federation (LDAP, …) has no credential here. Only a login can check it.
    present: own !== undefined || user.federationLink !== undefined,
    trace: since === undefined || keep ? undefined : { value: since, replaced: resetOutside(since) },
    user,
    password: own,
    hasOtp,
  };
}

/** When the password was set, to the millisecond; "an unknown time" if Keycloak does not say. */
function setAt(password: PasswordCredential | undefined): string | undefined {
  if (!password) return undefined;
  return password.createdDate ? new Date(password.createdDate).toISOString() : "an unknown time";
}

function resetOutside(since: string): string {
  return `reset ${inMinutes(since)}, outside this stack`;
}

/** "on 2026-11-24 19:10 UTC" */
function inMinutes(time: string): string {
  const [, day, minute] = /^(.{10})T(.{5})/.exec(time) ?? [];
  return day === undefined ? `at ${time}` : `on ${day} ${minute} UTC`;
}

/** In milliseconds. */
const oneDay = 86_400_000;

/** A policy may let passwords expire. Then even the correct one gets no token until it is set again. */
async function hasExpired(realm: Realm, password: PasswordCredential | undefined): Promise<boolean> {
  // The policy counts whole days, so a password younger than one is not worth a request.
  if (!password?.createdDate || password.createdDate + oneDay > Date.now()) return false;
  const { passwordPolicy } = await realm.settings();
  const days = Number(/forceExpiredPasswordChange\((\d+)\)/.exec(passwordPolicy ?? "")?.[1]);
  return days > 0 && password.createdDate + days * oneDay < Date.now();
}

/** OTP is somebody's deliberate second factor: not ours to clear. */
function isOtp(requiredAction: string): boolean {
  return requiredAction === "CONFIGURE_TOTP";
}

function neededBy({ __neededBy: who = "whoever logs in with it" }: PasswordInputs): string {
  return who;
}

async function reset(realm: Realm, live: Live, inputs: PasswordInputs, isExpired: boolean): Promise<void> {
  const { user } = live;
  try {
    await realm.write(
      `Setting the password of user '${user.username}'`,
      // This also clears a required action to change it.
      user.requiredActions?.length ? ["credentials", "user"] : ["credentials"],
      () =>
        realm.admin.users.resetPassword({
          realm: realm.name,
          id: user.id,
          credential: { type: "password", value: inputs.password, temporary: false },
        }),
      // A history policy would refuse the same password a second time.
      async () => {
        const now = passwordOf(await realm.credentials(user));
        return now !== undefined && setAt(now) !== live.fields.password;
      },
    );
  } catch (error) {
    if (!(error instanceof Failure) || error.status !== 400) throw error;
    const advice = /read.?only/i.test(error.said ?? "")
      ? "The user comes from a read-only user federation: set the configured password there, or configure the one that it has there."
      : "The realm's password policy decides: configure another customerPassword, or change the policy.";
    throw new Failure(`${error.message} ${advice}`, { status: 400 });
  }
  if (!live.present) return;
  await realm.warn(
    isExpired
      ? `The ${inRealm(realm, inputs)} had expired and was set again: if it was another one than the configured one, ${neededBy(inputs)} needs that.`
      : `The ${inRealm(realm, inputs)} was replaced by the configured one: ${neededBy(inputs)} needs the new one.`,
  );
  // The login that has just found the old one wrong was counted, and the token check is to log in as well.
  await unlock(realm, user);
}

function inRealm(realm: Realm, inputs: PasswordInputs): string {
  return `${password.describe(inputs)} in realm '${realm.name}'`;
}

async function removeCredential(realm: Realm, { user, password }: Live): Promise<void> {
  if (!password) return;
  await realm.write(
    `Removing the password of user '${user.username}'`,
    ["credentials"],
    () => realm.admin.users.deleteCredential({ realm: realm.name, id: user.id, credentialId: password.id }),
    async () => (await realm.credentials(user)).every(({ id }) => id !== password.id),
  );
}

/**
 * One login checks the password, so a correct one is never set again: history policies would refuse it. Where no
 * login can check it, it stays as it is, unless the program has changed it.
 */
async function mayStay(
  realm: Realm,
  inputs: PasswordInputs,
  live: Live,
  isChanged: boolean,
): Promise<boolean> {
  // A locked user's correct password is answered like a wrong one.
  await unlock(realm, live.user);
  const stays = (why: string) =>
    realm.warn(
      `Whether the ${inRealm(realm, inputs)} is the configured one cannot be told, so it was left as it is: ${why}.`,
    );
  if (live.hasOtp) {
    if (isChanged) return false;
    // Keycloak would answer as if the password were wrong, and count a failed login.
    await stays("the user has OTP set up, and a login without it tells nothing");
    return true;
  }
  const refusals: string[] = [];
  for (const clientId of [inputs.client, "admin-cli"]) {
    const client = await clientOrNone(realm, clientId);
    if (!client) continue;
    const answer = await directGrant(realm, client, inputs.username, inputs.password);
    if (answer.outcome === "token") await endSession(realm, client, answer.tokens);
    if (answer.outcome === "token" || answer.outcome === "not fully set up") {
      await realm.note(
        `The ${inRealm(realm, inputs)} was already the configured one, and was left as it is.`,
      );
      return true;
    }
    if (answer.outcome === "bad credentials") {
      if (answer.isCertain) return false;
      throw new Failure(
        `Checking the ${inRealm(realm, inputs)} failed: other logins of this user got in the way, so Keycloak's answer (${answer.said}) may not be about the password; run the command again.`,
      );
    }
    refusals.push(`client '${clientId}': ${answer.said}`);
  }
  if (isChanged) return false;
  await stays(`no client lets a login try it (${refusals.join("; ")})`);
  return true;
}

/** A realm may lack `admin-cli`; then only the program's own client can tell. */
async function clientOrNone(realm: Realm, clientId: string): Promise<ClientRepresentation | undefined> {
  try {
    return await realm.client(clientId);
  } catch (error) {
    if (hasMeaning(error, "nothing there")) return undefined;
    throw error;
  }
}

/** A warning, because no field can show it: an `up` cannot correct it, but has to check the password again. */
function warnOfOtp(realm: Realm, { user, hasOtp }: Live): Promise<void> {
  const about = `User '${user.username}' in realm '${realm.name}'`;
  return realm.warn(
    hasOtp
      ? `${about} has set up OTP since the last 'up': customers get no token until it is removed (Users, ${user.username}, Credentials).`
      : `${about} has no OTP any more: an 'up' checks whether the password is the configured one.`,
  );
}
