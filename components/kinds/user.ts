// The user that CX gets its customers' tokens for: enabled, email verified, and complete as the realm's own user
// profile requires.
import { differing, type Fields, type FieldValue, matches } from "../ensure/fields.ts";
import type { KindInputs, LiveObject, ObjectKind } from "../ensure/kind.ts";
import { Failure } from "../failure.ts";
import type { Realm, User, UserRepresentation } from "../keycloak/realm.ts";
import { defaultValue, profileProblem, requiredAttributes } from "../keycloak/user-profile.ts";
import { markOn, passwordOf, type UserWithPassword, writeMark } from "./user-mark.ts";
import { refuseRename, updateUser, wouldRename } from "./user-update.ts";

export interface UserInputs extends KindInputs {
  readonly username: string;
  /** Values for profile attributes; without one, a required attribute that is missing gets a default. */
  readonly profile?: Readonly<Record<string, string>>;
}

interface Live extends LiveObject, UserWithPassword {
  readonly user: User;
}

/** Attributes that have a field of their own in the user's representation. */
const ownFields = ["email", "firstName", "lastName"] as const;

export const user: ObjectKind<UserInputs, Live, Realm> = {
  noun: "user",
  identity: ["realm", "username"],
  describe: ({ username }) => `user '${username}'`,

  async validate(realm, { username, profile = {} }, isNew) {
    const isLocalized = "locale" in profile && (await realm.settings()).internationalizationEnabled === true;
    const problem = profileProblem(await realm.userProfile(), profile, isLocalized);
    if (problem !== undefined) {
      throw new Failure(
        `The profile of user '${username}' in realm '${realm.name}' (config: customerProfile) cannot be set: ${problem}.`,
      );
    }
    const found = await realm.user(username);
    if (!found) await warnOfDefaultOtp(realm, username);
    else if (isNew && found.access?.manage === false) throw realm.mayOnlyRead(`user '${username}'`);
  },

  async find(realm, { username }) {
    const found = await realm.user(username);
    return found && liveOf(realm, found);
  },
  async findById(realm, _inputs, id) {
    const found = await realm.userById(id);
    return found && { live: await liveOf(realm, found), name: `user '${found.username}'` };
  },
  async wanted(realm, { username, profile = {} }, { live }) {
    const is = live?.fields ?? {};
    const email = !live && (await isEmailUsername(realm, username)) ? username.toLowerCase() : undefined;
    const demanded = await realm.userProfile();
    const missing = requiredAttributes(demanded).filter((name) => is[name] === undefined && !profile[name]);
    const defaults = missing.map((name) => [
      name,
      defaultValue(demanded, name, { username, realm: realm.name }),
    ]);
    const wanted: Fields & { readonly email?: string } = {
      enabled: true,
      emailVerified: true,
      ...Object.fromEntries(defaults),
      ...(email && { email }),
      ...profile,
      // Keycloak keeps it in lower case.
      ...(profile.email && { email: profile.email.toLowerCase() }),
    };
    const written = Object.keys(differing(is, wanted));
    await refuseRename(realm, username, wanted.email ?? live?.user.email, written);
    if (live) await refuseReadOnly(realm, live.user, written);
    // Nobody has the one that a new user gets for the profile's sake.
    if (wanted.email !== is.email && (live || profile.email || email))
      await refuseEmailOfAnother(realm, username, wanted.email, live?.id, !profile.email && !email);
    return wanted;
  },
  // Profile values stay out of the message: they are personal data, and may be configured as secrets.
  explain(field, is) {
    if (field === "enabled" || field === "emailVerified") return undefined;
    return is === undefined ? "missing" : "differs from the configured value";
  },

  async create(realm, { username }, fields) {
    // The mark comes with the password, as the label of that credential.
    await realm.write(
      `Creating user '${username}'`,
      ["user"],
      () => realm.admin.users.create({ realm: realm.name, ...changesOf({}, fields), username }),
      // It is exactly as it was sent, and nobody has set a password yet.
      async () => {
        const now = await realm.user(username);
        return (
          now !== undefined && matches(fieldsOf(now), fields) && (await realm.credentials(now)).length === 0
        );
      },
    );
  },
  async write(realm, live, { fields: all, mark }) {
    const { user } = live;
    const fields = await withoutRefused(realm, user, all);
    if (Object.keys(fields).length > 0) {
      await updateUser(realm, user, `Updating user '${user.username}'`, changesOf(user, fields), (now) =>
        matches(fieldsOf(now), fields),
      );
    }
    if (mark) await writeMark(realm, live, mark);
  },
  async remove(realm, { user: { id, username } }) {
    await realm.write(
      `Deleting user '${username}'`,
      ["user", "credentials", "role mappings"],
      () => realm.admin.users.del({ realm: realm.name, id }),
      async () => (await realm.user(username))?.id !== id,
    );
  },
};

/**
 * Does the realm use the email address as username? Keycloak then creates the user under its email.
 * @throws Failure if the username is not an email address.
 */
async function isEmailUsername(realm: Realm, username: string): Promise<boolean> {
  const { registrationEmailAsUsername } = await realm.settings();
  if (!registrationEmailAsUsername) return false;
  if (username.includes("@")) return true;
  throw new Failure(
    `Creating user '${username}' in realm '${realm.name}' cannot work: the realm takes the email address as username; configure an email address as username (config: customerUsername), or switch 'Email as username' off (Realm settings, Login).`,
  );
}

/** Keycloak writes the profile of a user from a read-only federation nowhere. */
async function refuseReadOnly(
  realm: Realm,
  { username, federationLink: id }: User,
  written: readonly string[],
): Promise<void> {
  const ofProfile = written.filter((name) => name !== "enabled" && name !== "emailVerified");
  if (!id || ofProfile.length === 0) return;
  const federation = await realm.find("own federation", id, "Reading a user federation", () =>
    realm.admin.components.findOne({ realm: realm.name, id }),
  );
  if (federation?.config?.editMode?.[0] !== "READ_ONLY") return;
  throw new Failure(
    `Setting ${ofProfile.join(", ")} of user '${username}' in realm '${realm.name}' cannot work: the user comes from the read-only user federation '${federation.name}'; set it there, or leave it out of the profile (config: customerProfile).`,
  );
}

/** Without what Keycloak does not let anybody put back, with a warning. */
async function withoutRefused(realm: Realm, { username }: User, fields: Fields): Promise<Fields> {
  const profile = await realm.userProfile();
  const required = requiredAttributes(profile, ["admin"]);
  const kept: Record<string, FieldValue> = {};
  for (const [name, value] of Object.entries(fields)) {
    const isEmail = name === "email" && (await wouldRename(realm, username, value?.toString()));
    const isRequired = value === undefined && required.includes(name);
    const isInvalid = typeof value === "string" && profileProblem(profile, { [name]: value }, true);
    if (isEmail || isRequired || isInvalid)
      await realm.warn(
        `User '${username}' in realm '${realm.name}': ${name} was not put back, because ${isEmail ? "the realm takes the email address as username" : `the realm's user profile ${isRequired ? "requires it" : "no longer takes the earlier value"}`}.`,
      );
    else kept[name] = value;
  }
  return kept;
}

/** Keycloak allows an email address once a realm, unless it is told otherwise. */
async function refuseEmailOfAnother(
  realm: Realm,
  username: string,
  email: string | undefined,
  id: string | undefined,
  isDefault: boolean,
): Promise<void> {
  if (email === undefined) return;
  const other = (await realm.usersWithEmail(email)).find((user) => user.id !== id);
  if (!other || (await realm.settings()).duplicateEmailsAllowed) return;
  if (isDefault)
    throw new Failure(
      `User '${username}' in realm '${realm.name}' cannot have the email address '${email}' that it would get because the realm's user profile requires one: user '${other.username}' has it; configure another one (config: customerProfile), or take it from '${other.username}'.`,
    );
  throw new Failure(
    `User '${username}' in realm '${realm.name}' cannot have the configured email address: user '${other.username}' has it; configure another one (config: customerProfile). If '${other.username}' is this user's earlier name in this stack, leave the email address out for one 'up': that deletes the earlier user, and the next one may have it.`,
  );
}

/** This stack clears other required actions, but not OTP: that is somebody's deliberate second factor. */
async function warnOfDefaultOtp(realm: Realm, username: string): Promise<void> {
  if (!(await realm.asksNewUsersForOtp())) return;
  await realm.warn(
    `Realm '${realm.name}' asks every new user to set up OTP (required action CONFIGURE_TOTP), so the new user '${username}' will get no token: switch 'Set as default action' off (Authentication, Required actions), or take the action from the user after it was created (Users, ${username}, Details).`,
  );
}

async function liveOf(realm: Realm, user: User): Promise<Live> {
  const password = passwordOf(await realm.credentials(user));
  // The password resource reports a missing label.
  return {
    id: user.id,
    fields: fieldsOf(user),
    mark: { ...markOn(password), fragile: true },
    user,
    password,
  };
}

function fieldsOf(user: UserRepresentation): Fields {
  const attributes: Record<string, string[]> = user.attributes ?? {};
  return {
    // First, because others may have named one of them like our fields.
    ...Object.fromEntries(Object.entries(attributes).map(([name, values]) => [name, single(values)])),
    enabled: user.enabled,
    emailVerified: user.emailVerified,
    ...Object.fromEntries(ownFields.map((name) => [name, user[name] || undefined])),
  };
}

function single(values: readonly string[]): FieldValue {
  return values.length === 1 ? values[0] : values;
}

/** The representation that changes these fields, and nothing else. */
function changesOf(user: UserRepresentation, fields: Fields): UserRepresentation {
  const { enabled, emailVerified, ...profile } = fields;
  const changes: UserRepresentation = {};
  if (typeof enabled === "boolean") changes.enabled = enabled;
  if (typeof emailVerified === "boolean") changes.emailVerified = emailVerified;
  const isOwn = (name: string) => ownFields.some((field) => field === name);
  const attributes = Object.entries(profile).filter(([name]) => !isOwn(name));
  // Keycloak takes `attributes` for the whole profile, and removes what is not among them. Where admins may rename
  // users, it even asks for the username.
  if (attributes.length > 0) {
    changes.username = user.username;
    for (const field of ownFields) changes[field] = user[field];
    const whole: [string, FieldValue][] = [...Object.entries({ ...user.attributes }), ...attributes];
    const set = whole.filter(([name]) => !(name in profile) || profile[name] !== undefined);
    changes.attributes = Object.fromEntries(set.map(([name, value]) => [name, [value].flat().map(String)]));
  }
  for (const field of ownFields) {
    const value = profile[field];
    // An empty text removes the value; leaving the key out would keep it.
    if (field in profile) changes[field] = typeof value === "string" ? value : "";
  }
  return changes;
}
