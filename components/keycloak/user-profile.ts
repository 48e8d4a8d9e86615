// What a realm's user profile requires of a user, and values that pass its validators. Since Keycloak 24 the
// default profile requires email, first and last name: without them a direct grant answers "Account is not fully
// set up".
import { Failure } from "../failure.ts";
import type { UserProfile } from "./realm.ts";

type ProfileAttribute = NonNullable<UserProfile["attributes"]>[number];
type Validations = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Names of the attributes that the profile requires of the user or of an admin who writes it, except the username. */
export function requiredAttributes(profile: UserProfile | undefined): string[] {
  return (profile?.attributes ?? [])
    .filter(({ name, required }) => name && name !== "username" && isRequired(required))
    .flatMap(({ name }) => name ?? []);
}

function isRequired(required: ProfileAttribute["required"]): boolean {
  if (!required) return false;
  const { roles, scopes } = required as { roles?: string[]; scopes?: string[] };
  // Required for certain scopes only: that matters if APISIX asks for one of them.
  const ofScope = !scopes?.length || scopes.some((scope) => ["openid", "email", "profile"].includes(scope));
  return ofScope && (!roles?.length || roles.includes("user") || roles.includes("admin"));
}

/** Not attributes, or not ours to change through the profile. */
const noAttributes: ReadonlySet<string> = new Set(["username", "enabled", "emailVerified"]);

/**
 * Why Keycloak would refuse a configured value, drop it, or keep another one: any of these would be drift forever.
 * @returns undefined if it takes all of them; else words that name the attribute, and no value
 */
export function profileProblem(
  profile: UserProfile | undefined,
  values: Readonly<Record<string, unknown>>,
): string | undefined {
  for (const [name, value] of Object.entries(values)) {
    const why = valueProblem(profile, name, value);
    if (why !== undefined) return `'${name}' ${why}`;
  }
  return undefined;
}

function valueProblem(profile: UserProfile | undefined, name: string, value: unknown): string | undefined {
  if (noAttributes.has(name)) return "is not an attribute of the user profile: leave it out";
  if (typeof value !== "string") return "is not a text: write it in quotes";
  if (value.trim() === "") return "is blank: leave it out";
  if (!profile) return undefined;
  const attribute = attributeOf(profile, name);
  if (!attribute) {
    return takesUnmanaged(profile)
      ? undefined
      : "is not in the realm's user profile, so Keycloak would drop it: add it there (Realm settings, User profile), or leave it out";
  }
  const { edit } = (attribute.permissions ?? {}) as { edit?: readonly string[] };
  if (edit && !edit.includes("admin"))
    return "may not be edited by admins: change its permissions (Realm settings, User profile), or leave it out";
  const problem = violation(value, validationsOf(attribute));
  return problem && `does not pass its validator: ${problem}`;
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
 * @throws Failure if no value that passes the validators can be guessed.
 */
export function defaultValue(
  profile: UserProfile | undefined,
  name: string,
  user: { readonly username: string; readonly realm: string },
): string {
  const validations = validationsOf(attributeOf(profile, name));
  const value = candidate(name, validations, user);
  const problem = violation(value, validations);
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
  if (name === "email" && /^[^\s@]+@[^\s@]+$/.test(username)) return username;
  if (name === "email" || has("email")) return `${hostLabel(username)}@${hostLabel(realm)}.invalid`;
  if (has("integer") || has("double")) {
    const range = validations.integer ?? validations.double;
    return String(range?.min ?? range?.max ?? 0);
  }
  if (has("local-date") || has("iso-date")) return "2000-01-01";
  if (has("uri")) return "https://cx.invalid";
  const text = name === "lastName" ? "CX" : capital(name === "firstName" ? username : lettersOf(username));
  return fitted(has(prohibited) ? lettersOf(text) : text, validations.length);
}

/**
 * Why the value fails those validators that can be checked here; undefined if it does not. No value stands in the
 * words.
 */
function violation(value: string, validations: Validations): string | undefined {
  const pattern = validations.pattern?.pattern;
  if (typeof pattern === "string" && !matches(pattern, value)) return `pattern ${pattern}`;
  const { length, email } = validations;
  if (length && value.length > bound(length.max, Number.POSITIVE_INFINITY))
    return `at most ${length.max} characters`;
  if (length && value.length < bound(length.min, 0)) return `at least ${length.min} characters`;
  if (email && !/^[^\s@]+@[^\s@]+$/.test(value)) return "an email address";
  if (prohibited in validations && /[<>&"$%!#?§;*~\\|^=[\]{}()\p{Cc}]/u.test(value))
    return "no special characters in a name";
  const options = optionsOf(validations);
  return options && !options.includes(value) ? `one of ${options.join(", ")}` : undefined;
}

const prohibited = "person-name-prohibited-characters";

function optionsOf(validations: Validations): string[] | undefined {
  const options = validations.options?.options ?? validations["select-options"]?.options;
  return Array.isArray(options) ? options.map(String) : undefined;
}

/** Keycloak matches the whole value, with Java's syntax. Where JavaScript cannot read that, Keycloak decides. */
function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, "u").test(value);
  } catch {
    return false;
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
