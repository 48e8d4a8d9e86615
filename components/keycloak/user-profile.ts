// What a realm's user profile requires of a user, and values that pass its validators. Since Keycloak 24 the
// default profile requires email, first and last name: without them a direct grant answers "Account is not fully
// set up".
import { Failure } from "../failure.ts";
import type { UserProfile } from "./realm.ts";

type ProfileAttribute = NonNullable<UserProfile["attributes"]>[number];
type Validations = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Names of the attributes that the profile requires of the user or of an admin who writes it, except the username. */
export function requiredAttributes(
  profile: UserProfile | undefined,
  of: readonly string[] = ["user", "admin"],
): string[] {
  return (profile?.attributes ?? [])
    .filter(({ name, required }) => name && name !== "username" && isRequired(required, of))
    .flatMap(({ name }) => name ?? []);
}

function isRequired(required: ProfileAttribute["required"], of: readonly string[]): boolean {
  if (!required) return false;
  const { roles, scopes } = required as { roles?: string[]; scopes?: string[] };
  // Required for certain scopes only: that matters if APISIX asks for one of them.
  const ofScope = !scopes?.length || scopes.some((scope) => ["openid", "email", "profile"].includes(scope));
  return ofScope && (!roles?.length || roles.some((role) => of.includes(role)));
}

/** Not attributes, or not ours to change through the profile. */
const noAttributes: ReadonlySet<string> = new Set(["username", "enabled", "emailVerified"]);
/** In lower case, like Keycloak compares them; admins may not write these, or Keycloak drops them. */
const ofKeycloak: ReadonlySet<string> = new Set([
  "ldap_id",
  "ldap_entry_dn",
  "kerberos_principal",
  "created_timestamp",
  "createtimestamp",
  "modifytimestamp",
  "terms_and_conditions",
]);

/**
 * Why Keycloak would refuse a configured value, drop it, or keep another one: any of these would be drift forever.
 * @param isLocalized whether the realm's internationalization is on, which matters to `locale` alone
 * @returns undefined if it takes all of them; else words that name the attribute, and no value
 */
export function profileProblem(
  profile: UserProfile | undefined,
  values: Readonly<Record<string, unknown>>,
  isLocalized: boolean,
): string | undefined {
  for (const [name, value] of Object.entries(values)) {
    const why = valueProblem(profile, name, value, isLocalized);
    if (why !== undefined) return `'${name}' ${why}`;
  }
  return undefined;
}

function valueProblem(
  profile: UserProfile | undefined,
  name: string,
  value: unknown,
  isLocalized: boolean,
): string | undefined {
  if (noAttributes.has(name)) return "is not an attribute of the user profile: leave it out";
  if (ofKeycloak.has(name.toLowerCase())) return "is Keycloak's own: leave it out";
  if (name.length > 255) return "is too long a name: at most 255 characters";
  if (typeof value !== "string") return "is not a text: write it in quotes";
  if (value.trim() === "") return "is blank: leave it out";
  const most = longest(profile, name);
  if (value.length > most) return `is too long: at most ${most} characters`;
  if (!profile) return undefined;
  if (name === "locale" && !isLocalized)
    return "would be dropped by Keycloak, because the realm has one language only: switch internationalization on (Realm settings, Localization), or leave it out";
  const attribute = attributeOf(profile, name);
  if (!attribute) {
    return name === "locale" || takesUnmanaged(profile)
      ? undefined
      : "is not in the realm's user profile, so Keycloak would drop it: add it there (Realm settings, User profile), or leave it out";
  }
  if (!mayBeEdited(attribute))
    return "may not be edited by admins: change its permissions (Realm settings, User profile), or leave it out";
  const problem = violation(value, validationsOf(attribute));
  return problem && `does not pass its validator: ${problem}`;
}

/** By admins: what they may not edit, Keycloak drops without a word. */
function mayBeEdited(attribute: ProfileAttribute | undefined): boolean {
  const { edit } = (attribute?.permissions ?? {}) as { edit?: readonly string[] };
  return edit === undefined || edit.includes("admin");
}

/** What Keycloak can store. */
function longest(profile: UserProfile | undefined, name: string): number {
  if (!profile || ["email", "firstName", "lastName"].includes(name)) return 255;
  return attributeOf(profile, name) ? Number.POSITIVE_INFINITY : 2048;
}

function takesUnmanaged(profile: UserProfile): boolean {
  const { unmanagedAttributePolicy: policy } = profile as { unmanagedAttributePolicy?: string };
  return policy === "ENABLED" || policy === "ADMIN_EDIT";
}

function attributeOf(profile: UserProfile | undefined, name: string): ProfileAttribute | undefined {
  return profile?.attributes?.find((attribute) => attribute.name === name);
}

/** Keycloak 18 calls them validators. */
function validationsOf(attribute: ProfileAttribute | undefined): Validations {
  const { validations, validators } = (attribute ?? {}) as {
    validations?: Validations;
    validators?: Validations;
  };
  return validations ?? validators ?? {};
}

/**
 * A value for a required attribute that nobody configured.
 * @throws Failure if admins may not write it, or no value that passes the validators can be guessed.
 */
export function defaultValue(
  profile: UserProfile | undefined,
  name: string,
  user: { readonly username: string; readonly realm: string },
): string {
  const attribute = attributeOf(profile, name);
  if (!mayBeEdited(attribute)) {
    throw new Failure(
      `Realm '${user.realm}' requires attribute '${name}' of user '${user.username}', and admins may not edit it: change its permissions, or whether it is required (Realm settings, User profile).`,
    );
  }
  const validations = validationsOf(attribute);
  const value = candidate(name, validations, user);
  const problem = violation(value, validations, false);
  if (problem) {
    throw new Failure(
      `Realm '${user.realm}' requires attribute '${name}' of user '${user.username}' (${problem}), and no value for it can be guessed: set it in the component's 'profile' (config: customerProfile).`,
    );
  }
  return value;
}

function candidate(
  name: string,
  validations: Validations,
  { username, realm }: { readonly username: string; readonly realm: string },
): string {
  const has = (validator: string) => validator in validations;
  const [option] = optionsOf(validations) ?? [];
  if (option !== undefined) return option;
  if (name === "email" && isEmail(username)) return username;
  if (name === "email" || has("email")) return `${hostLabel(username)}@${hostLabel(realm)}.invalid`;
  if (has("integer") || has("double")) {
    const range = validations.integer ?? validations.double;
    return String(range?.min ?? range?.max ?? 0);
  }
  if (has("iso-date")) return "2000-01-01";
  if (has("local-date")) return "01/01/2000";
  if (has("uri")) return "https://cx.invalid";
  const text = name === "lastName" ? "CX" : capital(name === "firstName" ? username : lettersOf(username));
  return fitted(has(prohibited) ? lettersOf(text) : text, validations.length);
}

/**
 * Why the value fails those validators that can be checked here; undefined if it does not. No value stands in the
 * words.
 */
function violation(value: string, validations: Validations, unreadable = true): string | undefined {
  const found = Object.entries(validations).map(([name, config]) =>
    checks[name]?.(value, config, unreadable),
  );
  return found.find((problem) => problem !== undefined);
}

const prohibited = "person-name-prohibited-characters";

type Config = Readonly<Record<string, unknown>>;
/** What each validator says of a value that it refuses. The format of `local-date` depends on the realm's language. */
const checks: Readonly<
  Record<string, (value: string, config: Config, unreadable: boolean) => string | undefined>
> = {
  pattern: (value, { pattern }, unreadable) =>
    typeof pattern !== "string" || matches(pattern, value, unreadable) ? undefined : `pattern ${pattern}`,
  length(value, { min, max, "trim-disabled": isWhole }) {
    const { length } = `${isWhole}` === "true" ? value : value.trim();
    if (length > bound(max, Number.POSITIVE_INFINITY)) return `at most ${max} characters`;
    return length < bound(min, 0) ? `at least ${min} characters` : undefined;
  },
  email: (value) => (isEmail(value) ? undefined : "an email address"),
  integer: (value, range) => (/^[+-]?\d+$/.test(value) ? outside(value, range) : "a whole number"),
  double: (value, range) => (Number.isNaN(Number(value)) ? "a number" : outside(value, range)),
  "iso-date"(value) {
    const date = new Date(value);
    const isDate = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value);
    return isDate && value.length === 10 ? undefined : "a date like 2000-12-31";
  },
  uri: (value) => (URL.canParse(value) && /^https?:/i.test(value) ? undefined : "an http or https address"),
  [prohibited]: (value) =>
    /[<>&"$%!#?§;*~/\\|^=[\]{}()\p{Cc}]/u.test(value) ? "no special characters in a name" : undefined,
  options: oneOf,
  "select-options": oneOf,
};

function oneOf(value: string, { options }: Config): string | undefined {
  const all = Array.isArray(options) ? options.map(String) : [value];
  return all.includes(value) ? undefined : `one of ${all.join(", ")}`;
}

function outside(value: string, { min, max }: Config): string | undefined {
  if (Number(value) < bound(min, Number.NEGATIVE_INFINITY)) return `at least ${min}`;
  return Number(value) > bound(max, Number.POSITIVE_INFINITY) ? `at most ${max}` : undefined;
}

const word = "[a-z0-9!#$%&'*+/=?^_`{|}~\\u0080-\\uFFFF-]+";
const label = "[a-z0-9\\u0080-\\uFFFF]+(?:-+[a-z0-9\\u0080-\\uFFFF]+)*";
const email = new RegExp(
  `^(?=[^@]{1,64}@)(?:${word}(?:\\.${word})*|"[^"@]+")@(?:${label}(?:\\.${label})*|\\[[^\\]]+\\])$`,
  "i",
);

/** As Keycloak checks it. */
function isEmail(value: string): boolean {
  return email.test(value);
}

function optionsOf(validations: Validations): string[] | undefined {
  const options = validations.options?.options ?? validations["select-options"]?.options;
  return Array.isArray(options) ? options.map(String) : undefined;
}

/**
 * Keycloak matches the whole value, with Java's syntax.
 * @param unreadable the answer if JavaScript cannot read that: a configured value passes, and Keycloak decides
 */
function matches(pattern: string, value: string, unreadable: boolean): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, "u").test(value);
  } catch {
    return unreadable;
  }
}

function fitted(text: string, length: Readonly<Record<string, unknown>> | undefined): string {
  const min = bound(length?.min, 0);
  const max = bound(length?.max, Number.POSITIVE_INFINITY);
  return text.padEnd(min, "x").slice(0, Math.max(max, 1));
}

function bound(value: unknown, otherwise: number): number {
  const number = Number(value);
  return value === undefined || value === "" || Number.isNaN(number) ? otherwise : number;
}

function hostLabel(text: string): string {
  const label = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  return label === "" ? "cx" : label;
}

function lettersOf(text: string): string {
  const letters = text.replace(/[^\p{L}\p{N} .'-]/gu, "").trim();
  return letters === "" ? "Customer" : letters;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
