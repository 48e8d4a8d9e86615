// How long the client's access tokens live: the client's own setting, put back by destroy.
import { type Fields, matches } from "../ensure/fields.ts";
import type { KindInputs, LiveObject, PartKind } from "../ensure/kind.ts";
import { Failure } from "../failure.ts";
import type { ClientRepresentation, Realm } from "../keycloak/realm.ts";

export interface TokenLifespanInputs extends KindInputs {
  /** clientId of the client. */
  readonly client: string;
  readonly seconds: number;
}

type Client = ClientRepresentation & { readonly id: string };
interface Live extends LiveObject {
  readonly client: Client;
}

const attribute = "access.token.lifespan";

export const tokenLifespan: PartKind<TokenLifespanInputs, Live, Realm> = {
  noun: "accessTokenLifespan",
  partOf: "client",
  identity: ["realm", "client"],
  describe: ({ client }) => `access token lifespan of client '${client}'`,

  async validate(realm, inputs, isNew) {
    const { seconds } = inputs;
    if (!Number.isInteger(seconds) || seconds < 1)
      throw new Failure(
        `The ${tokenLifespan.describe(inputs)} in realm '${realm.name}' must be a whole number of seconds, 1 or more (config: accessTokenLifespan).`,
      );
    const client = await realm.client(inputs.client);
    if (isNew && client.access?.configure === false) throw realm.mayOnlyRead(tokenLifespan.describe(inputs));
  },

  find: async (realm, inputs) => liveOf(await realm.client(inputs.client)),
  async findById(realm, inputs, id) {
    const client = (await realm.clients()).find((each) => each.id === id);
    const name = client && tokenLifespan.describe({ ...inputs, client: client.clientId ?? "" });
    return client && name ? { live: liveOf({ ...client, id }), name } : undefined;
  },
  wanted: async (_realm, { seconds }) => ({ [attribute]: String(seconds) }),

  async write(realm, { client: { id, clientId = "" } }, { fields }) {
    if (!(attribute in fields)) return;
    realm.forget();
    // Mappers and scopes have writes of their own, some of them ours at this moment: this one would undo those.
    const {
      protocolMappers: _mappers,
      defaultClientScopes: _defaults,
      optionalClientScopes: _optionals,
      ...now
    } = await realm.client(clientId);
    await realm.write(
      `Setting the access token lifespan of client '${clientId}'`,
      ["client"],
      // All the rest goes along: without `authorizationServicesEnabled` Keycloak deletes the client's resources and
      // policies, up to 26.0 also its service account without `serviceAccountsEnabled`. An empty text removes an attribute.
      () =>
        realm.admin.clients.update(
          { realm: realm.name, id },
          { ...now, attributes: { ...now.attributes, [attribute]: fields[attribute] ?? "" } },
        ),
      async () => matches(fieldsOf(await realm.client(clientId)), fields),
    );
  },
};

function liveOf(client: Client): Live {
  const fields = fieldsOf(client);
  // A mark among the client's attributes would be one more thing that is not ours to write.
  return {
    id: client.id,
    fields,
    mark: { carries: false },
    present: fields[attribute] !== undefined,
    client,
  };
}

function fieldsOf({ attributes = {} }: ClientRepresentation): Fields {
  return { [attribute]: attributes[attribute] || undefined };
}
