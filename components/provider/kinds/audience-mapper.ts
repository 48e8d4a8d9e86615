// The Audience protocol mapper on the client itself: what makes Keycloak name the client in `aud`.
import { setTimeout as sleep } from "node:timers/promises";
import { KeycloakError } from "../errors.ts";
import type { ClientRepresentation, RealmSession } from "../realm-session.ts";
import { warn } from "../warnings.ts";
import { type Fields, holds, type Kind, type KindInputs } from "./kind.ts";

export interface AudienceMapperInputs extends KindInputs {
  /** clientId of the client that carries the mapper and is the audience. */
  readonly client: string;
  /** Name of the mapper. */
  readonly mapper: string;
}

type ProtocolMapper = NonNullable<ClientRepresentation["protocolMappers"]>[number];
interface Live {
  readonly client: ClientRepresentation & { id: string };
  readonly mapper: ProtocolMapper & { id: string };
}

const protocol = "openid-connect";
/** Milliseconds after which whoever has made a mapper of the same name has looked whether there is another. */
const longEnoughToSee = 1000;
const markKey = "keycloak-apisix.owner";
/** Of a client: its access tokens carry only what a mapper marks as fit for them (Keycloak 24 and newer). */
const lightweight = "client.use.lightweight.access.token.enabled";

export const audienceMapper: Kind<AudienceMapperInputs, Live> = {
  kind: "audience",
  noun: "protocolMapper",
  identity: ["realm", "client", "mapper"],
  inputs: ["client", "mapper"],
  describe: ({ mapper, client }) => `protocol mapper '${mapper}' of client '${client}'`,

  async validate(realm, { client: clientId }) {
    const client = await realm.usableClient(clientId);
    if (client.publicClient) {
      await warn(
        `Client '${clientId}' in realm '${realm.name}' is public: it has no secret, so APISIX cannot ask the introspection endpoint as this client. Switch 'Client authentication' on, or let APISIX verify by the realm's keys (use_jwks).`,
      );
    }
  },

  writable: async (realm, { client }) => (await realm.client(client)).access?.configure !== false,
  async find(realm, { client: clientId, mapper: name }) {
    const client = await realm.client(clientId);
    const [mapper] = (client.protocolMappers ?? []).filter(isNamed(name)).toSorted(byId);
    return mapper?.id ? { client, mapper: { ...mapper, id: mapper.id } } : undefined;
  },
  uuid: ({ mapper }) => mapper.id,

  fields: ({ mapper }) => fieldsOf(mapper),
  // The guide's fields; introspection matters to APISIX, which asks there.
  async wanted(realm, { client: clientId }) {
    const { attributes } = await realm.client(clientId);
    return {
      protocolMapper: "oidc-audience-mapper",
      "included.client.audience": clientId,
      "access.token.claim": "true",
      "id.token.claim": "true",
      "introspection.token.claim": "true",
      ...(attributes?.[lightweight] === "true" && { "lightweight.claim": "true" }),
    };
  },

  async create(realm, { client: clientId, mapper: name }, fields, mark) {
    const client = await realm.client(clientId);
    await realm.write(
      `Creating protocol mapper '${name}' on client '${clientId}'`,
      ["client"],
      () =>
        realm.admin.clients.addProtocolMapper(
          { realm: realm.name, id: client.id },
          merged({ name, protocol }, fields, { text: mark }),
        ),
      async () =>
        (await mappersOf(realm, clientId)).some((mapper) => mapper.name === name && markOn(mapper) === mark),
    );
    await giveWay(realm, clientId, name, mark);
  },
  async write(realm, { client, mapper }, fields, mark) {
    await realm.write(
      `Updating protocol mapper '${mapper.name}' on client '${client.clientId}'`,
      ["client"],
      () =>
        realm.admin.clients.updateProtocolMapper(
          { realm: realm.name, id: client.id, mapperId: mapper.id },
          merged(mapper, fields, mark),
        ),
      async () => {
        const now = (await mappersOf(realm, client.clientId)).find(({ id }) => id === mapper.id);
        return now !== undefined && holds(fieldsOf(now), fields) && (!mark || markOn(now) === mark.text);
      },
    );
  },
  async remove(realm, { client, mapper }) {
    await realm.write(
      `Deleting protocol mapper '${mapper.name}' of client '${client.clientId}'`,
      ["client"],
      () => realm.admin.clients.delProtocolMapper({ realm: realm.name, id: client.id, mapperId: mapper.id }),
      async () => !(await mappersOf(realm, client.clientId)).some(({ id }) => id === mapper.id),
    );
  },

  mark: ({ mapper }) => ({ carries: true, text: markOn(mapper) }),
  trace: {
    of: ({ mapper }) => mapper.id,
    field: "owner",
    words: () => "made anew by somebody: our owner mark is not on it",
    always: true,
  },

  outputs: ({ client }) => ({
    // Undefined on a public client; what APISIX introspects with.
    ...(client.publicClient || !client.secret ? {} : { clientSecret: client.secret }),
  }),
};

function fieldsOf({ protocolMapper, config }: ProtocolMapper): Fields {
  return { protocolMapper, ...(config as Fields | undefined) };
}

/**
 * Keycloak lets two mappers of one name be made at the same moment. One has to go, and only its own maker, whose mark
 * is on it, removes it: the one with the higher id; or the other one, where that has not been seen by its maker.
 */
async function giveWay(realm: RealmSession, clientId: string, name: string, mark: string): Promise<void> {
  for (const waited of [false, true]) {
    if (waited) realm.forget();
    const twins = (await mappersOf(realm, clientId)).filter(isNamed(name)).toSorted(byId);
    const own = twins.find((mapper) => markOn(mapper) === mark);
    if (twins.length < 2 || !own?.id) return;
    if (!waited && own === twins[0]) {
      await sleep(longEnoughToSee);
      continue;
    }
    const payload = { realm: realm.name, id: (await realm.client(clientId)).id, mapperId: own.id };
    await realm.write(
      `Deleting a second protocol mapper '${name}' of client '${clientId}'`,
      ["client"],
      () => realm.admin.clients.delProtocolMapper(payload),
      async () => !(await mappersOf(realm, clientId)).some(({ id }) => id === own.id),
    );
    throw new KeycloakError(
      `Creating protocol mapper '${name}' on client '${clientId}' in realm '${realm.name}' was given up: somebody has made one at the same moment.`,
      { status: 409 },
    );
  }
}

/** Keycloak tells mappers apart by protocol and name. */
const isNamed = (name: string) => (mapper: ProtocolMapper) =>
  mapper.protocol === protocol && mapper.name === name;
const byId = (one: ProtocolMapper, other: ProtocolMapper) => (one.id ?? "").localeCompare(other.id ?? "");

function markOn({ config }: ProtocolMapper): string | undefined {
  return (config as Record<string, string> | undefined)?.[markKey];
}

async function mappersOf(realm: RealmSession, clientId = ""): Promise<ProtocolMapper[]> {
  return (await realm.client(clientId)).protocolMappers ?? [];
}

/** The whole mapper: sending less would take away keys that are not ours (`lightweight.claim`, …). */
function merged(
  mapper: ProtocolMapper,
  { protocolMapper, ...config }: Fields,
  mark: { readonly text: string | undefined } | undefined,
): ProtocolMapper {
  const changes: Record<string, unknown> = { ...config, ...(mark && { [markKey]: mark.text }) };
  const whole: Record<string, unknown> = { ...(mapper.config as object | undefined), ...changes };
  return {
    ...mapper,
    ...(typeof protocolMapper === "string" && { protocolMapper }),
    config: Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined)),
  };
}
