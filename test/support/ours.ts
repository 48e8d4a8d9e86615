// What of a realm is ours: to compare two snapshots of it without what `up` may change, or as far as `destroy` can
// restore it.
import type { Representation } from "../../rig/keycloak/realm.ts";
import type { Built } from "./starting-state.ts";

export function withUser(
  snapshot: Representation,
  { username }: Built,
  changed: (user: Representation) => Representation,
): Representation {
  return {
    ...snapshot,
    users: snapshot.users.map((user: Representation) =>
      user.username === username.toLowerCase() ? changed(user) : user,
    ),
  };
}

/** What destroy can restore. Where up set a password, it can restore neither the old one nor an empty label. */
export function comparable(snapshot: Representation, built: Built): Representation {
  const { user } = built.state;
  const kept = user?.password === "right" || !user || user.password === "none";
  const restored = withUser(snapshot, built, (own) => {
    const { attributes, ...fields } = own;
    const stays = ([name]: [string, unknown]) => !built.irrevocable.includes(name);
    const without = (all: object) => Object.fromEntries(Object.entries(all).filter(stays));
    return { ...without(fields), attributes: without(attributes ?? {}) };
  });
  return sorted({
    ...restored,
    users: restored.users.map((each: Representation) => ({
      ...each,
      credentials: each.credentials
        // A policy's password history grows with every password that is set.
        .filter(({ type }: Representation) => kept || type === "password")
        .map((credential: Representation) =>
          kept ? { ...credential, userLabel: labelOf(credential) } : { type: credential.type },
        ),
    })),
  });
}

/** Keycloak does not accept an empty label again. */
const labelOf = ({ userLabel }: { userLabel?: string }) => (userLabel === "Password" ? undefined : userLabel);

/** The snapshot without what `up` may create and change, given what was there before. */
export function withoutOurs(snapshot: Representation, built: Built, before: Representation): Representation {
  const { state } = built;
  const usernames = [built.username.toLowerCase()];
  const wasThere = before.users.find(({ username }: Representation) => usernames.includes(username));
  return sorted({
    ...snapshot,
    clients: snapshot.clients.map((client: Representation) => {
      if (client.clientId !== built.clientId) return client;
      const mappers = (client.protocolMappers ?? []).filter(
        ({ name, protocol }: Representation) =>
          state.mapper || name !== built.mapperName || protocol !== "openid-connect",
      );
      return {
        ...client,
        protocolMappers: mappers.map((mapper: Representation) => withoutOurFields(mapper, built)),
      };
    }),
    roles: snapshot.roles.filter(({ name }: Representation) => state.role || name !== built.roleName),
    users: snapshot.users.flatMap((user: Representation) => {
      if (!usernames.includes(user.username)) return [user];
      if (!wasThere) return [];
      return [withoutOursOfUser(user, wasThere, built)];
    }),
  });
}

function withoutOurFields(mapper: Representation, built: Built): Representation {
  if (mapper.name !== built.mapperName || mapper.protocol !== "openid-connect") return mapper;
  const {
    "included.client.audience": _audience,
    "access.token.claim": _access,
    "id.token.claim": _id,
    "introspection.token.claim": _introspection,
    "keycloak-apisix.owner": _mark,
    ...config
  } = mapper.config;
  if (built.state.lightweightTokens) delete config["lightweight.claim"];
  return { ...mapper, protocolMapper: undefined, config };
}

/** What a profile may require of a user. */
const required = ["email", "firstName", "lastName", "site", "badge", "cost"];

function withoutOursOfUser(user: Representation, was: Representation, built: Built): Representation {
  const kept = { ...user, enabled: true, emailVerified: true, requiredActions: [] };
  const isOurs = (name: string, found: unknown) =>
    name in built.profile || (found === undefined && required.includes(name));
  for (const name of ["email", "firstName", "lastName"]) if (isOurs(name, was[name])) delete kept[name];
  const attributes = Object.entries(user.attributes ?? {}).filter(
    ([name]) => !isOurs(name, was.attributes?.[name]),
  );
  const right = built.state.user?.password === "right";
  return {
    ...kept,
    attributes: Object.fromEntries(attributes),
    credentials: user.credentials
      .filter(({ type }: Representation) => right || type === "otp")
      .map(({ id, createdDate }: Representation) => ({ id, createdDate })),
    roleMappings: {
      ...user.roleMappings,
      realmMappings: (user.roleMappings.realmMappings ?? []).filter(
        ({ name }: Representation) => ![built.roleName, "offline_access", "uma_authorization"].includes(name),
      ),
    },
  };
}

/** Sorts the lists that Keycloak returns in any order. */
function sorted(value: Representation): Representation {
  if (Array.isArray(value)) {
    return value.map(sorted).toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined && !isEmpty(each))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

/** Keycloak 18 keeps an empty text where a name was removed. */
const isEmpty = (value: unknown) =>
  value === "" || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
