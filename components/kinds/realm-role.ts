// The realm role: looked up, created only if it is missing, and never changed if it exists.
import type { KindInputs, LiveObject, ObjectKind } from "../ensure/kind.ts";
import type { Realm, RoleRepresentation } from "../keycloak/realm.ts";
import { usesOfRole } from "../keycloak/role-use.ts";

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
    return role && liveOf(role);
  },
  async findById(realm, _inputs, id) {
    const role = await realm.realmRoleById(id);
    return role && { live: liveOf(role), name: `realm role '${role.name}'` };
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
  async usedBy(realm, { role }) {
    const { [markAttribute]: _ours, ...others } = attributesOf(role);
    const users = await realm.usersWithRole(role.name, few);
    const uses = [
      ...users.map(({ username }) => `user '${username}' has it`),
      ...usesOfRole(await realm.export(), role.name),
      ...(role.composite ? ["other roles were added to it"] : []),
      ...(role.description || Object.keys(others).length > 0 ? ["somebody has described it"] : []),
    ];
    if (uses.length === 0) return undefined;
    return `it is in use (${uses.slice(0, few).join(", ")}${uses.length > few ? ", …" : ""})`;
  },
};

/** How many of those who use the role are named. */
const few = 3;

function liveOf(role: Live["role"]): Live {
  return { id: role.id, fields: {}, mark: { carries: true, text: markOn(role) }, role };
}

function attributesOf(role: RoleRepresentation | undefined): Record<string, string[]> {
  return role?.attributes ?? {};
}

function markOn(role: RoleRepresentation | undefined): string | undefined {
  return attributesOf(role)[markAttribute]?.[0];
}
