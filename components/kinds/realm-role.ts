// The realm role: looked up, created only if it is missing, and never changed if it exists.
import type { KindInputs, LiveObject, ObjectKind } from "../ensure/kind.ts";
import type { Realm, RoleRepresentation } from "../keycloak/realm.ts";

export interface RealmRoleInputs extends KindInputs {
  /** Name of the role. */
  readonly role: string;
}

interface Live extends LiveObject {
  readonly role: RoleRepresentation & { readonly id: string; readonly name: string };
}

const markAttribute = "keycloak-apisix.owner";

export const realmRole: ObjectKind<RealmRoleInputs, Live, Realm> = {
  noun: "realmRole",
  identity: ["realm", "role"],
  describe: ({ role }) => `realm role '${role}'`,

  async find(realm, { role: name }) {
    const role = await realm.realmRole(name);
    return role && { id: role.id, fields: {}, mark: { carries: true, text: markOn(role) }, role };
  },
  wanted: async () => ({}),

  async create(realm, { role: name }, _fields, mark) {
    await realm.write(
      `Creating realm role '${name}'`,
      ["realm role"],
      () => realm.admin.roles.create({ realm: realm.name, name, attributes: { [markAttribute]: [mark] } }),
      async () => markOn(await realm.realmRole(name)) === mark,
    );
  },
  async write(realm, { role }, { mark }) {
    if (!mark) return;
    const { [markAttribute]: _old, ...others } = attributesOf(role);
    const attributes = mark.text === undefined ? others : { ...others, [markAttribute]: [mark.text] };
    await realm.write(
      `Marking realm role '${role.name}'`,
      ["realm role"],
      () => realm.admin.roles.updateById({ realm: realm.name, id: role.id }, { ...role, attributes }),
      async () => {
        const now = await realm.realmRole(role.name);
        return now?.id === role.id && markOn(now) === mark.text;
      },
    );
  },
  async remove(realm, { role }) {
    await realm.write(
      `Deleting realm role '${role.name}'`,
      ["realm role", "role mappings"],
      () => realm.admin.roles.delById({ realm: realm.name, id: role.id }),
      async () => (await realm.realmRole(role.name))?.id !== role.id,
    );
  },
  async usedBy(realm, { role: { name } }) {
    const users = await realm.usersWithRole(name, 3);
    if (users.length === 0) return undefined;
    const names = users.map(({ username }) => `'${username}'`).join(", ");
    return `users have it (${names}${users.length === 3 ? ", …" : ""})`;
  },
};

function attributesOf(role: RoleRepresentation | undefined): Record<string, string[]> {
  return role?.attributes ?? {};
}

function markOn(role: RoleRepresentation | undefined): string | undefined {
  return attributesOf(role)[markAttribute]?.[0];
}
