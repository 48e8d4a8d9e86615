// The user's own realm role mappings. The realm's default roles include some of these indirectly. The guide wants
// them direct, so indirect ones do not count. Mappings that the program does not name are left alone.
import type { KindInputs, LiveObject, PartKind } from "../ensure/kind.ts";
import { Failure } from "../failure.ts";
import type { Realm, RoleRepresentation, User } from "../keycloak/realm.ts";
import { similar } from "../similar-names.ts";
import { markOn, passwordOf, type UserWithPassword, writeMark } from "./user-mark.ts";

export interface RoleMappingsInputs extends KindInputs {
  readonly username: string;
  /** Names of the realm roles. */
  readonly roles: readonly string[];
  /** Those of them that the same program ensures: a preview does not report these as missing. */
  readonly __ensured?: readonly string[];
}

interface Live extends LiveObject, UserWithPassword {
  readonly user: User;
  readonly mapped: readonly RoleRepresentation[];
}
type Role = { readonly id: string; readonly name: string };

const isMapped = "mapped";

export const roleMappings: PartKind<RoleMappingsInputs, Live, Realm> = {
  noun: "roleMappings",
  partOf: "user",
  identity: ["realm", "username"],
  describe: ({ username }) => `role mappings of user '${username}'`,

  async validate(realm, { username, roles, __ensured = [] }) {
    const user = await realm.user(username);
    const mapped = new Set(user && (await realm.realmRoleMappings(user)).map(({ name }) => name));
    const others = roles.filter((name) => !__ensured.includes(name) && !mapped.has(name));
    const found = await Promise.all(others.map((name) => realm.realmRole(name)));
    const missing = others.find((_, index) => !found[index]);
    if (missing !== undefined) {
      const names = await realm.realmRoleNames();
      throw new Failure(
        `Mapping realm role '${missing}' to user '${username}' in realm '${realm.name}' cannot work: the realm has no such role.${similar("Realm roles", missing, names)} Create it or correct the name, then run the command again.`,
      );
    }
  },

  async find(realm, inputs) {
    const user = await realm.user(inputs.username);
    return user && liveOf(realm, inputs, user);
  },
  async findById(realm, inputs, id) {
    const user = await realm.userById(id);
    return (
      user && {
        live: await liveOf(realm, inputs, user),
        name: roleMappings.describe({ ...inputs, username: user.username }),
      }
    );
  },
  wanted: async (_realm, { roles }) => Object.fromEntries(roles.map((name) => [name, isMapped])),
  explain: () => "not mapped",

  async write(realm, live, { fields, mark }) {
    const { user } = live;
    const names = (wanted: boolean) =>
      Object.keys(fields).filter((name) => (fields[name] === isMapped) === wanted);
    await add(realm, live, await rolesByName(realm, names(true)));
    const unwanted = names(false);
    const take = live.mapped.flatMap(({ id, name }) =>
      id && name && unwanted.includes(name) ? [{ id, name }] : [],
    );
    if (take.length > 0) {
      await realm.write(
        `Taking realm roles ${listed(take)} from user '${user.username}'`,
        ["role mappings"],
        () => realm.admin.users.delRealmRoleMappings({ realm: realm.name, id: user.id, roles: take }),
        async () => (await missingAmong(realm, live, take)).length === take.length,
      );
    }
    if (mark) await writeMark(realm, { user, password: passwordOf(await realm.credentials(user)) }, mark);
  },
};

async function liveOf(realm: Realm, { roles }: RoleMappingsInputs, user: User): Promise<Live> {
  const [credentials, mapped] = await Promise.all([realm.credentials(user), realm.realmRoleMappings(user)]);
  const password = passwordOf(credentials);
  return {
    id: user.id,
    fields: Object.fromEntries(mapped.map(({ name }) => [name, isMapped])),
    mark: markOn(password),
    present: mapped.some(({ name }) => name !== undefined && roles.includes(name)),
    user,
    password,
    mapped,
  };
}

/**
 * If another run maps one of these roles at the same time, Keycloak refuses all of ours (400). Those that are still
 * missing are then added.
 */
async function add(realm: Realm, live: Live, roles: readonly Role[]): Promise<void> {
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
    if (!(error instanceof Failure) || (error.status !== 400 && error.status !== 409)) throw error;
    const missing = await missingAmong(realm, live, roles);
    // Nobody has mapped any: it was refused for another reason.
    if (missing.length === roles.length) throw error;
    await add(realm, live, missing);
  }
}

async function rolesByName(realm: Realm, names: readonly string[]): Promise<Role[]> {
  return Promise.all(
    names.map(async (name) => {
      const role = await realm.realmRole(name);
      if (role) return { id: role.id, name: role.name };
      throw new Failure(`Realm role '${name}' is not in realm '${realm.name}', so it cannot be mapped.`);
    }),
  );
}

/** The roles that the user still lacks. */
async function missingAmong(realm: Realm, { user }: Live, roles: readonly Role[]): Promise<Role[]> {
  const mapped = new Set((await realm.realmRoleMappings(user)).map(({ id }) => id));
  return roles.filter(({ id }) => !mapped.has(id));
}

function listed(roles: readonly Role[]): string {
  return roles.map(({ name }) => `'${name}'`).join(", ");
}
