// The user that CX gets its customers' tokens for: enabled, email verified, and complete as the realm's own user
// profile requires.
import { type Fields, type FieldValue, matches } from "../ensure/fields.ts";
import type { KindInputs, LiveObject, ObjectKind } from "../ensure/kind.ts";
import { Failure } from "../failure.ts";
import type { Realm, User, UserRepresentation } from "../keycloak/realm.ts";
import { defaultValue, requiredAttributes } from "../keycloak/user-profile.ts";
import { markOn, passwordOf, type UserWithPassword, writeMark } from "./user-mark.ts";

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

  async validate(realm, { username }, isNew) {
    if (!isNew) return;
    const found = await realm.user(username);
    if (found?.access?.manage === false) throw realm.mayOnlyRead(`user '${username}'`);
  },

  async find(realm, { username }) {
    const found = await realm.user(username);
    if (!found) return undefined;
    const password = passwordOf(await realm.credentials(found));
    // The password resource reports a missing label.
    const mark = { ...markOn(password), fragile: true } as const;
    return { id: found.id, fields: fieldsOf(found), mark, user: found, password };
  },
  async wanted(realm, { username, profile = {} }, { live }) {
    const is = live?.fields ?? {};
    const email = !live && (await isEmailUsername(realm, username)) ? { email: username } : {};
    const demanded = await realm.userProfile();
    const missing = requiredAttributes(demanded).filter((name) => is[name] === undefined && !profile[name]);
    const defaults = missing.map((name) => [
      name,
      defaultValue(demanded, name, { username, realm: realm.name }),
    ]);
    return { enabled: true, emailVerified: true, ...Object.fromEntries(defaults), ...email, ...profile };
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
      () => realm.admin.users.create({ realm: realm.name, ...merged({ username }, fields) }),
      // It is exactly as it was sent, and nobody has set a password yet.
      async () => {
        const now = await realm.user(username);
        return (
          now !== undefined && matches(fieldsOf(now), fields) && (await realm.credentials(now)).length === 0
        );
      },
    );
  },
  async write(realm, live, { fields, mark }) {
    const { id, username } = live.user;
    if (Object.keys(fields).length > 0) {
      await realm.write(
        `Updating user '${username}'`,
        ["user"],
        () => realm.admin.users.update({ realm: realm.name, id }, merged(live.user, fields)),
        async () => {
          const now = await realm.user(username);
          return now?.id === id && matches(fieldsOf(now), fields);
        },
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

function fieldsOf(user: UserRepresentation): Fields {
  const attributes: Record<string, string[]> = user.attributes ?? {};
  return {
    enabled: user.enabled,
    emailVerified: user.emailVerified,
    ...Object.fromEntries(ownFields.map((name) => [name, user[name] || undefined])),
    ...Object.fromEntries(Object.entries(attributes).map(([name, values]) => [name, single(values)])),
  };
}

function single(values: readonly string[]): FieldValue {
  return values.length === 1 ? values[0] : values;
}

/** The whole user with the fields changed: sending less would blank attributes that are not ours. */
function merged(user: UserRepresentation, fields: Fields): UserRepresentation {
  const { enabled, emailVerified, ...profile } = fields;
  const whole: UserRepresentation = { ...user };
  const attributes: Record<string, string[]> = { ...user.attributes };
  if (typeof enabled === "boolean") whole.enabled = enabled;
  if (typeof emailVerified === "boolean") whole.emailVerified = emailVerified;
  for (const [name, value] of Object.entries(profile)) {
    const own = ownFields.find((field) => field === name);
    // An empty text removes the value; leaving the key out would keep it.
    if (own) whole[own] = typeof value === "string" ? value : "";
    else if (value === undefined) delete attributes[name];
    else attributes[name] = [value].flat().map(String);
  }
  if (Object.keys(attributes).length > 0 || user.attributes) whole.attributes = attributes;
  return whole;
}
