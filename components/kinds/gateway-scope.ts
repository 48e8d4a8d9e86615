// A client scope that only one client has, and that the gateway requires. Keycloak refuses it to every other client,
// so it does what no audience check does on APISIX before 3.12.
import { type Fields, matches } from "../ensure/fields.ts";
import type { Change, KindInputs, LiveObject, ObjectKind } from "../ensure/kind.ts";
import { isMark } from "../ensure/marks.ts";
import { Failure, hasMeaning } from "../failure.ts";
import type { ClientRepresentation, Realm } from "../keycloak/realm.ts";

export interface GatewayScopeInputs extends KindInputs {
  /** clientId of the only client that has the scope. */
  readonly client: string;
  /** Name of the client scope. */
  readonly scope: string;
}

interface Live extends LiveObject {
  readonly scope: Scope;
}
type ClientScope = Awaited<ReturnType<Realm["admin"]["clientScopes"]["find"]>>[number];
type Scope = ClientScope & { readonly id: string; readonly name: string };
type Client = ClientRepresentation & { readonly id: string };

const protocol = "openid-connect";
const markKey = "keycloak-apisix.owner";
/** Attribute of a client scope: its name stands in the token's `scope`. */
const included = "include.in.token.scope";
/** How the client has the scope. Optional scopes come only if they are asked for. */
const assigned = "assigned";

export const gatewayScope: ObjectKind<GatewayScopeInputs, Live, Realm> = {
  noun: "clientScope",
  identity: ["realm", "client", "scope"],
  describe: ({ scope, client }) => `client scope '${scope}' of client '${client}'`,

  async validate(realm, inputs, isNew) {
    const client = await realm.client(inputs.client);
    const found = await scopeNamed(realm, inputs.scope);
    if (found && found.protocol !== protocol)
      throw new Failure(
        `${nameOf(inputs)} in realm '${realm.name}' is one of ${found.protocol}: name another one.`,
      );
    if (!isNew) return;
    if (client.access?.configure === false) throw realm.mayOnlyRead(gatewayScope.describe(inputs));
    if (!found) return;
    const others = await othersWith(realm, inputs);
    if (others !== undefined) throw notAlone(realm, inputs, others, isMark(attributesOf(found)[markKey]));
  },

  async find(realm, inputs) {
    const scope = await scopeNamed(realm, inputs.scope);
    return scope && liveOf(realm, inputs, scope);
  },
  async findById(realm, inputs, id) {
    const scope = (await scopesOf(realm)).find((each) => each.id === id);
    const name = scope && gatewayScope.describe({ ...inputs, scope: scope.name });
    return scope && name ? { live: await liveOf(realm, inputs, scope), name } : undefined;
  },
  wanted: async () => ({ [included]: "true", [assigned]: "default", others: undefined }),
  explain(field, is) {
    if (field === assigned)
      return is === undefined ? "not assigned to the client" : `${is}, should be default`;
    return field === "others" ? `${is} has it too` : undefined;
  },

  async create(realm, inputs, fields, mark) {
    const { scope: name } = inputs;
    const attributes = { [included]: "true", "display.on.consent.screen": "false", [markKey]: mark };
    await realm.write(
      `Creating ${gatewayScope.describe(inputs)}`,
      changed,
      () => realm.admin.clientScopes.create({ realm: realm.name, name, protocol, attributes }),
      async () => (await gatewayScope.find(realm, inputs))?.mark.text === mark,
    );
    const made = await gatewayScope.find(realm, inputs);
    if (made) await assign(realm, inputs, made, fields);
  },
  async write(realm, live, change, inputs) {
    if (typeof live.fields.others === "string" && "others" in change.fields)
      throw notAlone(realm, inputs, live.fields.others);
    await assign(realm, inputs, live, change.fields);
    if (included in change.fields || change.mark) await writeAttributes(realm, live.scope, change, inputs);
  },
  async remove(realm, { scope: { id, name } }) {
    await realm.write(
      `Deleting client scope '${name}'`,
      changed,
      () => realm.admin.clientScopes.del({ realm: realm.name, id }),
      async () => (await scopesOf(realm)).every((scope) => scope.id !== id),
    );
  },
  async usedBy(realm, { fields: { others }, scope }) {
    if (others !== undefined) return `${others} has it too`;
    if (scope.protocolMappers?.length) return "others have added mappers to it";
    const { id, name } = scope;
    const roles = await realm.find(
      ofScopes,
      `roles of ${id}`,
      `Reading the roles of client scope '${name}'`,
      () => realm.admin.clientScopes.listScopeMappings({ realm: realm.name, id }),
    );
    return roles?.realmMappings || roles?.clientMappings ? "others have assigned roles to it" : undefined;
  },
};

const ofScopes = "own client scopes" as const;
const changed = [ofScopes, "client"] as const;

async function liveOf(realm: Realm, inputs: GatewayScopeInputs, scope: Scope): Promise<Live> {
  const { [markKey]: text, [included]: isIncluded } = attributesOf(scope);
  return {
    id: scope.id,
    fields: {
      [included]: isIncluded,
      [assigned]: await assignmentOf(realm, inputs.client, scope.name),
      others: await othersWith(realm, { ...inputs, scope: scope.name }),
    },
    mark: { carries: true, text },
    scope,
  };
}

async function scopesOf(realm: Realm): Promise<Scope[]> {
  const all = await realm.find(ofScopes, "all", "Listing the client scopes", () =>
    realm.admin.clientScopes.find({ realm: realm.name }),
  );
  return (all ?? []).flatMap(({ id, name, ...rest }) => (id && name ? [{ ...rest, id, name }] : []));
}

async function scopeNamed(realm: Realm, name: string): Promise<Scope | undefined> {
  const found = (await scopesOf(realm)).find((scope) => scope.name === name);
  if (!found) await realm.mustSeeAllClients();
  return found;
}

/** Who else has the scope or will get it, in words. */
async function othersWith(realm: Realm, { client, scope }: GatewayScopeInputs): Promise<string | undefined> {
  const others = (await realm.clients()).filter(
    ({ clientId, defaultClientScopes = [], optionalClientScopes = [] }) =>
      clientId !== client && [...defaultClientScopes, ...optionalClientScopes].includes(scope),
  );
  const names = others.map(({ clientId }) => `client '${clientId}'`).toSorted();
  if (await isRealmDefault(realm, scope)) names.unshift("every new client");
  return names.length > 0 ? names.slice(0, 3).join(", ") : undefined;
}

async function isRealmDefault(realm: Realm, scope: string): Promise<boolean> {
  const { clientScopes } = realm.admin;
  // The client's types take no realm here, its requests do.
  const at = { realm: realm.name } as Parameters<typeof clientScopes.listDefaultClientScopes>[0];
  const lists = await Promise.all([
    realm.find(ofScopes, "default", "Listing the realm's default client scopes", () =>
      clientScopes.listDefaultClientScopes(at),
    ),
    realm.find(ofScopes, "optional", "Listing the realm's optional client scopes", () =>
      clientScopes.listDefaultOptionalClientScopes(at),
    ),
  ]);
  return lists.flat().some((each) => each?.name === scope);
}

/** @param isMarked true if a stack made or corrected the scope, perhaps this one for another client */
function notAlone(realm: Realm, inputs: GatewayScopeInputs, others: string, isMarked = false): Failure {
  const isEarlier = isMarked
    ? " If it is the client that this stack named before, leave gatewayScope out for one 'up': that takes it away there."
    : "";
  return new Failure(
    `${nameOf(inputs)} in realm '${realm.name}' must belong to client '${inputs.client}' alone, and ${others} has it too, so the gateway would let in tokens of others: take it away there (Client scopes), or name another scope (config: gatewayScope).${isEarlier}`,
  );
}

/** Gives the client the scope as the fields say, or takes it away. */
async function assign(realm: Realm, inputs: GatewayScopeInputs, live: Live, fields: Fields): Promise<void> {
  const is = live.fields[assigned];
  const should = fields[assigned];
  if (!(assigned in fields) || is === should) return;
  const client = await realm.client(inputs.client);
  const address = { realm: realm.name, id: client.id, clientScopeId: live.id };
  const { clients } = realm.admin;
  const change = async (what: string, request: () => Promise<unknown>, how: unknown) =>
    realm.write(`${what} ${gatewayScope.describe(inputs)}`, ["client"], request, async () => {
      const now = await realm.client(inputs.client);
      return assignment(now, live.scope.name) === how;
    });
  // Keycloak keeps an optional scope optional, and answers 204, until it is taken away.
  if (is === "default") await change("Taking away", () => clients.delDefaultClientScope(address), undefined);
  if (is === "optional")
    await change("Taking away", () => clients.delOptionalClientScope(address), undefined);
  if (should === "default") await change("Assigning", () => clients.addDefaultClientScope(address), should);
  if (should === "optional") await change("Assigning", () => clients.addOptionalClientScope(address), should);
}

/** A scope outlives its client: `validate` says that one is missing. */
async function assignmentOf(realm: Realm, client: string, scope: string): Promise<string | undefined> {
  try {
    return assignment(await realm.client(client), scope);
  } catch (error) {
    if (hasMeaning(error, "nothing there")) return undefined;
    throw error;
  }
}

function assignment(client: Client, name: string): string | undefined {
  if (client.defaultClientScopes?.includes(name)) return "default";
  return client.optionalClientScopes?.includes(name) ? "optional" : undefined;
}

/** Keycloak merges attributes; null removes one. */
async function writeAttributes(
  realm: Realm,
  scope: Scope,
  { fields, mark }: Change,
  inputs: GatewayScopeInputs,
): Promise<void> {
  const attributes = {
    ...(included in fields && { [included]: fields[included] ?? null }),
    ...(mark && { [markKey]: mark.text ?? null }),
  };
  const { id, name } = scope;
  await realm.write(
    `Updating client scope '${name}'`,
    [ofScopes],
    () =>
      realm.admin.clientScopes.update(
        { realm: realm.name, id },
        { ...scope, attributes: { ...scope.attributes, ...attributes } },
      ),
    async () => {
      const now = (await scopesOf(realm)).find((each) => each.id === id);
      if (!now) return false;
      const live = await liveOf(realm, inputs, now);
      const { [assigned]: _assigned, others: _others, ...ofScope } = fields;
      return matches(live.fields, ofScope) && (!mark || live.mark.text === mark.text);
    },
  );
}

function attributesOf({ attributes = {} }: ClientScope): Readonly<Record<string, string>> {
  return attributes;
}

function nameOf({ scope }: GatewayScopeInputs): string {
  return `Client scope '${scope}'`;
}
