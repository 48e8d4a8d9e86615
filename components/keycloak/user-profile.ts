// What a realm's user profile requires of a user, and values that pass its validators. Since Keycloak 24 the
// default profile requires email, first and last name: without them a direct grant answers "Account is not fully
// set up".
import { Failure } from "../failure.ts";
import type { UserProfile } from "./realm.ts";

type ProfileAttribute = NonNullable<UserProfile["attributes"]>[number];
type Validations = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Names of the attributes that the profile requires of the user, except the username. */
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
  return ofScope && (!roles?.length || roles.includes("user"));
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
  const attribute = profile?.attributes?.find((candidate) => candidate.name === name);
  const validations = ((attribute as { validations?: unknown } | undefined)?.validations ??
    (attribute as { validators?: unknown } | undefined)?.validators ??
    {}) as Validations;
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
  const options = validations.options?.options ?? validations["select-options"]?.options;
  if (Array.isArray(options) && typeof options[0] === "string") return options[0];
  if (name === "email" && /^[^\s@]+@[^\s@]+$/.test(username)) return username;
  if (name === "email" || has("email")) return `${hostLabel(username)}@${hostLabel(realm)}.invalid`;
  if (has("integer") || has("double")) {
    const range = validations.integer ?? validations.double;
    return String(range?.min ?? range?.max ?? 0);
  }
  if (has("local-date") || has("iso-date")) return "2000-01-01";
  if (has("uri")) return "https://cx.invalid";
  const text = name === "lastName" ? "CX" : capital(name === "firstName" ? username : lettersOf(username));
  return fitted(has("person-name-prohibited-characters") ? lettersOf(text) : text, validations.length);
}

/** Why the value fails those validators that can be checked here; undefined if it does not. */
function violation(value: string, validations: Validations): string | undefined {
  const pattern = validations.pattern?.pattern;
  if (typeof pattern === "string" && !matches(pattern, value)) return `pattern ${pattern}`;
  const length = validations.length;
  if (length && value.length > bound(length.max, Number.POSITIVE_INFINITY))
    return `at most ${length.max} characters`;
  return undefined;
}

function matches(pattern: string, value: string): boolean {
  try {
    // Keycloak matches the whole value, with Java's syntax: what JavaScript cannot read counts as no match.
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
