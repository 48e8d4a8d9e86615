// The realm role: looked up, created only when it is missing, and never changed where it was found.

import { isMark } from "../ownership.ts";
import type { RoleRepresentation } from "../realm-session.ts";
import type { Kind, KindInputs } from "./kind.ts";
import { passwordOf } from "./user-label.ts";

export interface RealmRoleInputs extends KindInputs {
  readonly role: string;
  /** Of a user who is to have the role: where he does, it comes with his role mappings, and is not asked for. */
  readonly username?: string;
}

type Live = RoleRepresentation & { id: string; name: string };
/** As a user's role mappings bring it: without attributes. */
type Brief = Live & { readonly isBrief: true };

const markAttribute = "keycloak-apisix.owner";

export const realmRole: Kind<RealmRoleInputs, Live> = {
  kind: "role",
  noun: "realmRole",
  identity: ["realm", "role"],
  inputs: ["role", "username"],
  hints: ["username"],
  describe: ({ role }) => `realm role '${role}'`,

  find: (realm, { role }) => realm.realmRole(role),
  /** Trusted only where the user is still the one with our mark: somebody who makes everything anew is seen. */
  async glimpse(realm, { role: name, username }) {
    const user = username === undefined ? undefined : await realm.user(username);
    const [mapped, credentials] = user
      ? await Promise.all([realm.realmRoleMappings(user), realm.credentials(user)])
      : [[], []];
    const role = mapped.find((each) => each.name === name);
    if (!role?.id || !isMark(passwordOf(credentials)?.userLabel)) return undefined;
    const brief: Brief = { ...role, id: role.id, name, isBrief: true };
    return brief;
  },
  uuid: (role) => role.id,
  fields: () => ({}),
  wanted: async () => ({}),

  async create(realm, { role: name }, _fields, mark) {
    await realm.write(
      `Creating realm role '${name}'`,
      ["realm role"],
      () => realm.admin.roles.create({ realm: realm.name, name, attributes: { [markAttribute]: [mark] } }),
      async () => markOn(await realm.realmRole(name)) === mark,
    );
  },
  async write(realm, role, _fields, mark) {
    const { [markAttribute]: _old, ...others } = (role.attributes ?? {}) as Record<string, string[]>;
    const attributes = mark?.text === undefined ? others : { ...others, [markAttribute]: [mark.text] };
    await realm.write(
      `Marking realm role '${role.name}'`,
      ["realm role"],
      () => realm.admin.roles.updateById({ realm: realm.name, id: role.id }, { ...role, attributes }),
      async () => {
        const now = await realm.realmRole(role.name);
        return now?.id === role.id && markOn(now) === mark?.text;
      },
    );
  },
  async remove(realm, role) {
    await realm.write(
      `Deleting realm role '${role.name}'`,
      ["realm role", "role mappings"],
      () => realm.admin.roles.delById({ realm: realm.name, id: role.id }),
      async () => (await realm.realmRole(role.name))?.id !== role.id,
    );
  },
  async usedByOthers(realm, { name }) {
    const attempt = `Reading who has realm role '${name}' in realm '${realm.name}'`;
    const users = await realm.session.read(attempt, () =>
      realm.admin.roles.findUsersWithRole({ realm: realm.name, name, max: 3 }),
    );
    if (users.length === 0) return undefined;
    const names = users.map(({ username }) => `'${username}'`).join(", ");
    return `users have it (${names}${users.length === 3 ? ", …" : ""})`;
  },

  mark: (role) => ("isBrief" in role ? { carries: false } : { carries: true, text: markOn(role) }),
  trace: {
    of: (role) => role.id,
    field: "owner",
    words: () => "made anew by somebody: our owner mark is not on it",
    always: true,
  },
};

function markOn(role: RoleRepresentation | undefined): string | undefined {
  return (role?.attributes as Record<string, string[]> | undefined)?.[markAttribute]?.[0];
}
