// A plugin's block, as it stands under a route's `plugins`: whose it is, and what the stack says it should be.

export type Block = Readonly<Record<string, unknown>>;
/** By plugin, its block. */
export type Plugins = Readonly<Record<string, Block>>;

/** Whose tokens a block checks. */
export interface Owner {
  readonly realm: string | undefined;
  readonly client: string | undefined;
}

export const openidConnect = "openid-connect";
export const authzKeycloak = "authz-keycloak";

/** The realm in the blocks that CX ships, where an operator puts the real one. */
const shippedRealm = "expertflow";

export function isBlock(value: unknown): value is Block {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The realm that counts is in the addresses: the field `realm` only appears in APISIX's answers. */
export function ownerOf(block: unknown): Owner {
  const { client_id, realm, ...addresses } = isBlock(block) ? block : {};
  const [named] = ["discovery", "resource_registration_endpoint", "token_endpoint", "introspection_endpoint"]
    .map((field) => /\/realms\/([^/?#]+)/.exec(text(addresses[field]) ?? "")?.[1])
    .filter((each) => each !== undefined);
  return { realm: named === undefined ? text(realm) : decoded(named), client: text(client_id) };
}

export function isOf({ realm, client }: Owner, block: unknown): boolean {
  const owner = ownerOf(block);
  return client !== undefined && owner.client === client && owner.realm === realm;
}

/** Is a commented-out block the place for this owner's? In the blocks that CX ships, the realm is to be filled in. */
export function isMeantFor(owner: Owner, commentedOut: Block): boolean {
  return isOf(owner, commentedOut) || isOf({ realm: shippedRealm, client: owner.client }, commentedOut);
}

export function words({ realm, client }: Owner): string {
  if (realm === undefined && client === undefined) return "no realm and no client";
  return `client '${client ?? "(none)"}' of realm '${realm ?? "(none)"}'`;
}

/**
 * The blocks for one realm.
 * @param enablements that output of the stack: by realm, with `apisix`, what stands under a route's `plugins`
 * @throws Error that says which realm to name, or what is wrong with the output
 */
export function blocksFor(enablements: unknown, stack: string, realm: string | undefined): Plugins {
  const byRealm = pluginsIn(enablements);
  const realms = Object.keys(byRealm);
  if (realm === undefined && realms.length > 1) {
    throw new Error(
      `Stack '${stack}' has several realms, and a route checks the tokens of one: name it with --realm (${realms.join(", ")}).`,
    );
  }
  const name = realm ?? realms[0];
  const plugins = name === undefined ? undefined : byRealm[name];
  if (!plugins) {
    throw new Error(
      name === undefined
        ? `Stack '${stack}' has no realm.`
        : `Stack '${stack}' has no realm '${name}', only ${realms.join(", ")}.`,
    );
  }
  if (JSON.stringify(plugins).includes("{{")) {
    throw new Error(
      `The blocks of realm '${name}' in stack '${stack}' hold '{{', which CX's chart takes for the start of a template: change that value, for example the client's secret in Keycloak, and run the stack's up again.`,
    );
  }
  return plugins;
}

/** Not JSON's own error, which quotes the text, and so the secret in it. */
export function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pluginsIn(enablements: unknown): Readonly<Record<string, Plugins>> {
  const byRealm = Object.entries(isBlock(enablements) ? enablements : {}).map(
    ([realm, enablement]) => [realm, isBlock(enablement) ? enablement.apisix : undefined] as const,
  );
  const usable = byRealm.filter((entry): entry is [string, Plugins] => isPlugins(entry[1]));
  if (!isBlock(enablements) || usable.length < byRealm.length) {
    throw new Error("The stack's output enablements does not hold each realm's plugins.");
  }
  return Object.fromEntries(usable);
}

function isPlugins(value: unknown): value is Plugins {
  return isBlock(value) && isBlock(value[openidConnect]) && Object.values(value).every(isBlock);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const text = (value: unknown) => (typeof value === "string" ? value : undefined);
