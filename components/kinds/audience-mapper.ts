// The Audience protocol mapper on the client itself, which makes Keycloak name the client in `aud`.
import { setTimeout as sleep } from "node:timers/promises";
import { type Fields, matches } from "../ensure/fields.ts";
import type { Change, KindInputs, LiveObject, ObjectKind } from "../ensure/kind.ts";
import { isMark } from "../ensure/marks.ts";
import { asFailure, Failure } from "../failure.ts";
import { warnOfUncheckedAudience } from "../keycloak/audience-check.ts";
import type { ClientRepresentation, Realm } from "../keycloak/realm.ts";
import { warnOfUntestedRelease } from "../keycloak/tested-releases.ts";

export interface AudienceMapperInputs extends KindInputs {
  /** clientId of the client that carries the mapper and is the audience. */
  readonly client: string;
  /** Name of the mapper. */
  readonly mapper: string;
  /** Name of the client scope that the gateway requires: it keeps out what an unchecked audience would let in. */
  readonly __gatewayScope?: string;
}

type ProtocolMapper = NonNullable<ClientRepresentation["protocolMappers"]>[number];
interface Live extends LiveObject {
  readonly client: ClientRepresentation & { readonly id: string };
  readonly mapper: ProtocolMapper;
}

const protocol = "openid-connect";
/** Milliseconds that another creator of the same mapper needs to notice that there are two. */
const longEnoughToSee = 1000;
const markKey = "keycloak-apisix.owner";
const introspection = "introspection.token.claim";
/**
 * Attribute of a client whose access tokens carry only what mappers release for lightweight tokens (Keycloak 24 and
 * newer).
 */
const lightweight = "client.use.lightweight.access.token.enabled";

export const audienceMapper: ObjectKind<AudienceMapperInputs, Live, Realm> = {
  noun: "audienceMapper",
  identity: ["realm", "client", "mapper"],
  outputs: {
    clientSecret:
      "the client's secret has changed since the last 'up': APISIX needs the new one, which the stack's outputs have after the next",
  },
  describe: ({ mapper, client }) => `Audience mapper '${mapper}' of client '${client}'`,

  async validate(realm, inputs, isNew) {
    const client = await realm.usableClient(inputs.client).catch(async (error) => {
      throw await withRenamedClient(realm, inputs, error);
    });
    if (client.publicClient) {
      await realm.warn(
        `Client '${inputs.client}' in realm '${realm.name}' is public: it has no secret, so APISIX cannot ask the introspection endpoint as this client. Switch 'Client authentication' on; until then APISIX verifies by the realm's keys (use_jwks), and before 3.12 that checks neither issuer nor audience.`,
      );
    }
    if (!isNew) return;
    await warnOfUntestedRelease(realm.session);
    if (!inputs.__gatewayScope) await warnOfUncheckedAudience(realm.session);
    if (client.access?.configure === false) throw realm.mayOnlyRead(audienceMapper.describe(inputs));
  },

  async find(realm, { client: clientId, mapper: name }) {
    const client = await realm.client(clientId);
    const [mapper] = mappersOf(client, name);
    return mapper?.id ? liveOf(client, mapper, mapper.id) : undefined;
  },
  async findById(realm, inputs, id) {
    for (const client of await realm.clients()) {
      const mapper = mapperWithId(client, id);
      if (!mapper || !client.id) continue;
      const name = audienceMapper.describe({
        ...inputs,
        client: client.clientId ?? "",
        mapper: mapper.name ?? "",
      });
      return { live: liveOf({ ...client, id: client.id }, mapper, id), name };
    }
    return undefined;
  },
  // The guide's fields. Introspection matters because APISIX introspects tokens. The consoles of older releases leave its
  // switch out, and then Keycloak goes by that of the access token.
  async wanted(realm, { client: clientId }, { live }) {
    const { attributes } = await realm.client(clientId);
    const isLeftOut = live !== undefined && live.fields[introspection] === undefined;
    return {
      protocolMapper: "oidc-audience-mapper",
      "included.client.audience": clientId,
      "access.token.claim": "true",
      "id.token.claim": "true",
      ...(!isLeftOut && { [introspection]: "true" }),
      ...(attributes?.[lightweight] === "true" && { "lightweight.claim": "true" }),
    };
  },

  async create(realm, { client: clientId, mapper: name }, fields, mark) {
    const client = await realm.client(clientId);
    const whole = merged({ name, protocol }, { fields, mark: { text: mark } });
    await realm.write(
      `Creating Audience mapper '${name}' on client '${clientId}'`,
      ["client"],
      () => realm.admin.clients.addProtocolMapper({ realm: realm.name, id: client.id }, whole),
      async () => mappersOf(await realm.client(clientId), name).some((mapper) => markOn(mapper) === mark),
    );
    await giveWay(realm, clientId, name, mark);
  },
  async write(realm, { id: mapperId, client, mapper }, change) {
    const { id, clientId = "" } = client;
    await realm.write(
      `Updating Audience mapper '${mapper.name}' on client '${clientId}'`,
      ["client"],
      () =>
        realm.admin.clients.updateProtocolMapper({ realm: realm.name, id, mapperId }, merged(mapper, change)),
      async () => {
        const now = mapperWithId(await realm.client(clientId), mapperId);
        const isMarked = !change.mark || markOn(now) === change.mark.text;
        return now !== undefined && matches(fieldsOf(now), change.fields) && isMarked;
      },
    );
  },
  remove: (realm, { id, client, mapper }) => remove(realm, client, { id, name: mapper.name }),
};

function liveOf(client: Live["client"], mapper: ProtocolMapper, id: string): Live {
  // APISIX introspects with it; a public client has none.
  const clientSecret = client.publicClient ? undefined : client.secret || undefined;
  return {
    id,
    fields: fieldsOf(mapper),
    mark: { carries: true, text: markOn(mapper) },
    outputs: clientSecret === undefined ? {} : { clientSecret },
    client,
    mapper,
  };
}

/** A missing client may have been renamed: then our mapper went with it. */
async function withRenamedClient(
  realm: Realm,
  { mapper: name }: AudienceMapperInputs,
  error: unknown,
): Promise<Failure> {
  const failure = asFailure(error);
  if (failure.meaning !== "nothing there") return failure;
  const clients = await realm.clients().catch(() => []);
  const renamed = clients.find((client) => mappersOf(client, name).some((mapper) => isMark(markOn(mapper))));
  if (!renamed) return failure;
  return new Failure(
    `${failure.message} Client '${renamed.clientId}' carries an Audience mapper '${name}' of this project: if it is the same client, renamed, rename it back, or let the program name it (config: client).`,
    failure,
  );
}

/**
 * Keycloak lets two runs create a mapper of the same name at the same time. One has to go, and only the run whose
 * mark it carries removes it. That is the mapper with the higher id or, if its creator has not noticed, the other
 * one.
 */
async function giveWay(realm: Realm, clientId: string, name: string, mark: string): Promise<void> {
  for (const hasWaited of [false, true]) {
    if (hasWaited) realm.forget();
    const client = await realm.client(clientId);
    const twins = mappersOf(client, name);
    const own = twins.find((mapper) => markOn(mapper) === mark);
    if (twins.length < 2 || !own?.id) return;
    if (!hasWaited && own === twins[0]) {
      await sleep(longEnoughToSee);
      continue;
    }
    await remove(realm, client, { id: own.id, name });
    throw new Failure(
      `Creating Audience mapper '${name}' on client '${clientId}' in realm '${realm.name}' was given up: somebody has made one at the same moment.`,
      { meaning: "conflict" },
    );
  }
}

async function remove(
  realm: Realm,
  { id, clientId = "" }: ClientRepresentation & { readonly id: string },
  mapper: { readonly id: string; readonly name?: string },
): Promise<void> {
  await realm.write(
    `Deleting Audience mapper '${mapper.name}' of client '${clientId}'`,
    ["client"],
    () => realm.admin.clients.delProtocolMapper({ realm: realm.name, id, mapperId: mapper.id }),
    async () => mapperWithId(await realm.client(clientId), mapper.id) === undefined,
  );
}

/** Keycloak identifies mappers by protocol and name. Two of the same name are sorted by id. */
function mappersOf({ protocolMappers = [] }: ClientRepresentation, name: string): ProtocolMapper[] {
  return protocolMappers
    .filter((mapper) => mapper.protocol === protocol && mapper.name === name)
    .toSorted((one, other) => (one.id ?? "").localeCompare(other.id ?? ""));
}

function mapperWithId(
  { protocolMappers = [] }: ClientRepresentation,
  id: string,
): ProtocolMapper | undefined {
  return protocolMappers.find((mapper) => mapper.id === id);
}

function configOf(mapper: ProtocolMapper | undefined): Record<string, string> {
  return mapper?.config ?? {};
}

function fieldsOf(mapper: ProtocolMapper): Fields {
  return { protocolMapper: mapper.protocolMapper, ...configOf(mapper) };
}

function markOn(mapper: ProtocolMapper | undefined): string | undefined {
  return configOf(mapper)[markKey];
}

/** The whole mapper: sending less would remove keys that are not ours (`lightweight.claim`, …). */
function merged(mapper: ProtocolMapper, { fields, mark }: Change): ProtocolMapper {
  const { protocolMapper, ...config } = fields;
  const whole: Fields = { ...configOf(mapper), ...config, ...(mark && { [markKey]: mark.text }) };
  return {
    ...mapper,
    ...(typeof protocolMapper === "string" && { protocolMapper }),
    config: Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined)),
  };
}
