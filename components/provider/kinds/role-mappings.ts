// The user's own realm role mappings. Realm default roles give some of these indirectly; the guide wants them
// direct, so the composite ones are not looked at. Mappings that are not asked for are left alone.
import { KeycloakError } from "../errors.ts";
import type { RealmSession, RoleRepresentation, UserRepresentation } from "../realm-session.ts";
import type { Kind, KindInputs } from "./kind.ts";
import { labelMark, passwordOf, type UserWithCredentials, writeLabel } from "./user-label.ts";

export interface RoleMappingsInputs extends KindInputs {
  readonly username: string;
  /** Names of the realm roles. */
  readonly roles: readonly string[];
  /** The one among them that this component itself brings, so that a preview does not miss it. */
  readonly ownRole: string;
}

interface Live extends UserWithCredentials {
  readonly user: UserRepresentation & { id: string; username: string };
  readonly mapped: readonly RoleRepresentation[];
}

const isMapped = "mapped";

export const roleMappings: Kind<RoleMappingsInputs, Live> = {
  kind: "role-mappings",
  noun: "roleMappings",
  identity: ["realm", "username"],
  inputs: ["username", "roles", "ownRole"],
  describe: ({ username }) => `role mappings of user '${username}'`,
  plural: true,

  async validate(realm, inputs) {
    const user = await realm.user(inputs.username);
    const mapped = new Set(user && (await realm.realmRoleMappings(user)).map(({ name }) => name));
    const others = inputs.roles.filter((name) => name !== inputs.ownRole && !mapped.has(name));
    const found = await Promise.all(others.map((name) => realm.realmRole(name)));
    const missing = others.find((_, index) => !found[index]);
    if (missing !== undefined) {
      throw new KeycloakError(
        `Mapping realm role '${missing}' to user '${inputs.username}' in realm '${realm.name}' cannot work: the realm has no such role, although Keycloak makes it with every realm; create it, then run the command again.`,
      );
    }
  },

  async find(realm, { username }) {
    const user = await realm.user(username);
    if (!user) return undefined;
    const [credentials, mapped] = await Promise.all([realm.credentials(user), realm.realmRoleMappings(user)]);
    return { user, password: passwordOf(credentials), mapped };
  },
  uuid: (live) => live.user.id,
  present: ({ mapped }, { roles }) => mapped.some(({ name }) => name !== undefined && roles.includes(name)),

  fields: ({ mapped }) => Object.fromEntries(mapped.map(({ name }) => [name, isMapped])),
  wanted: async (_realm, { roles }) => Object.fromEntries(roles.map((name) => [name, isMapped])),
  explain: () => "not mapped",

  async create(realm, { username }) {
    throw new KeycloakError(
      `Mapping realm roles to user '${username}' in realm '${realm.name}' failed: the user is not there.`,
    );
  },
  async write(realm, live, fields, mark) {
    const names = (wanted: boolean) =>
      Object.keys(fields).filter((name) => (fields[name] === isMapped) === wanted);
    const payload = { realm: realm.name, id: live.user.id };
    await add(realm, live, await rolesByName(realm, names(true)));
    const take = live.mapped.flatMap(({ id, name }) =>
      id && name && names(false).includes(name) ? [{ id, name }] : [],
    );
    if (take.length > 0) {
      await realm.write(
        `Taking realm roles ${listed(take)} from user '${live.user.username}'`,
        ["role mappings"],
        () => realm.admin.users.delRealmRoleMappings({ ...payload, roles: take }),
        async () => (await missingAmong(realm, live, take)).length === take.length,
      );
    }
    if (!mark) return;
    await writeLabel(
      realm,
      { user: live.user, password: passwordOf(await realm.credentials(live.user)) },
      mark.text,
    );
  },
  async remove() {
    // Part of the user: put back, never removed by itself.
  },

  mark: labelMark,
  partOf: "user",
};

/**
 * Where another run maps one of these roles at the same moment, Keycloak refuses all of ours with them (400): then
 * those that are still missing are added.
 */
async function add(
  realm: RealmSession,
  live: Live,
  roles: readonly { id: string; name: string }[],
): Promise<void> {
  if (roles.length === 0) return;
  const { id, username } = live.user;
  try {
    await realm.write(
      `Mapping realm roles ${listed(roles)} to user '${username}'`,
      ["role mappings"],
      () => realm.admin.users.addRealmRoleMappings({ realm: realm.name, id, roles: [...roles] }),
      async () => (await missingAmong(realm, live, roles)).length === 0,
    );
  } catch (error) {
    if (!(error instanceof KeycloakError) || (error.status !== 400 && error.status !== 409)) throw error;
    const missing = await missingAmong(realm, live, roles);
    // Nobody has mapped any: it was refused for another reason.
    if (missing.length === roles.length) throw error;
    await add(realm, live, missing);
  }
}

async function rolesByName(
  realm: RealmSession,
  names: readonly string[],
): Promise<{ id: string; name: string }[]> {
  return Promise.all(
    names.map(async (name) => {
      const role = await realm.realmRole(name);
      if (role) return { id: role.id, name: role.name };
      throw new KeycloakError(`Realm role '${name}' is not in realm '${realm.name}': it cannot be mapped.`);
    }),
  );
}

/** Those of the roles that the user does not have by now. */
async function missingAmong<Role extends { readonly id: string }>(
  realm: RealmSession,
  { user }: Live,
  roles: readonly Role[],
): Promise<Role[]> {
  const mapped = new Set((await realm.realmRoleMappings(user)).map(({ id }) => id));
  return roles.filter(({ id }) => !mapped.has(id));
}

function listed(roles: readonly { name: string }[]): string {
  return roles.map(({ name }) => `'${name}'`).join(", ");
}
