// A corner of a realm for one test: names that no other test of the file uses, and what people do there by hand.
// All tests of a file share one realm, because creating one takes seconds.
import { randomBytes } from "node:crypto";
import type { ExecutionContext } from "ava";
import { otpCredential, type Representation, TestRealm } from "../../rig/keycloak/realm.ts";
import type { Declared } from "./engine.ts";
import { audienceWarning, differences } from "./given.ts";

let realm: Promise<TestRealm> | undefined;

/** The realm of this test file: created by the first test, deleted by {@link deleteRealm}. */
export function sharedRealm(): Promise<TestRealm> {
  realm ??= TestRealm.create().then(async (made) => {
    await made.noteWrites();
    return made;
  });
  return realm;
}

export async function deleteRealm(): Promise<void> {
  await (await realm)?.delete();
}

/** Fails with the paths that differ. */
export function asBefore(t: ExecutionContext, now: Representation, before: Representation): void {
  t.deepEqual(differences(before, now), []);
}

const said = { warning: [] as string[], info: [] as string[] };
for (const [severity, method] of [
  ["warning", "warn"],
  ["info", "log"],
] as const) {
  const print = console[method];
  console[method] = (message: unknown, ...rest: unknown[]) => {
    const [, text] = new RegExp(`^${severity}: \\[runtime\\] (.*)$`, "s").exec(String(message)) ?? [];
    if (text === undefined) print(message, ...rest);
    else said[severity].push(text);
  };
}

/** The warnings since the last call, as the CLI would print them, without {@link audienceWarning}. */
export function warned(): string[] {
  return said.warning.splice(0).filter((text) => !audienceWarning.test(text));
}

/** The same of notes. */
export const noted = () => said.info.splice(0);

/** The configured password of every test. */
export const configured = "the configured one 1!";

/** What a preview says of a password that it cannot know. */
export const perhapsReplaced = {
  password:
    "will be replaced unless it is already the configured one; whoever logs in with it then needs the new one",
};

export class Corner {
  readonly realm: TestRealm;
  readonly username: string;
  readonly mapperName: string;
  readonly roleName: string;

  constructor(realm: TestRealm) {
    const suffix = randomBytes(3).toString("hex");
    this.realm = realm;
    this.username = `customer-${suffix}`;
    this.mapperName = `fix-audience-${suffix}`;
    this.roleName = `role-${suffix}`;
  }

  /** A corner of the file's realm. What the test leaves in it is deleted. */
  static async of(t: ExecutionContext): Promise<Corner> {
    const corner = new Corner(await sharedRealm());
    warned();
    t.teardown(() => corner.clear());
    return corner;
  }

  /** A corner that was set up correctly by hand. */
  static async ready(t: ExecutionContext): Promise<Corner> {
    const corner = await Corner.of(t);
    await corner.setUp();
    return corner;
  }

  /** Sets everything up, correctly and by hand. */
  async setUp(): Promise<void> {
    await this.makeMapper();
    await this.makeUser();
    await this.makeRole();
    await this.map(this.roleName, "offline_access", "uma_authorization");
  }

  async clear(): Promise<void> {
    const [user, role, mapper] = await Promise.all([this.user(), this.role(), this.mapper()]);
    if (user) await this.realm.admin("DELETE", `/users/${user.id}`);
    if (role) await this.realm.admin("DELETE", `/roles-by-id/${role.id}`);
    if (mapper) await this.realm.admin("DELETE", await this.mapperPath(mapper.id));
  }

  // What the program declares.

  audience(inputs: object = {}, name = "audience"): Declared {
    return {
      name,
      kind: "audienceMapper",
      inputs: { realm: this.realm.name, client: "cim", mapper: this.mapperName, ...inputs },
    };
  }
  customer(inputs: object = {}, name = "user"): Declared {
    return { name, kind: "user", inputs: { realm: this.realm.name, username: this.username, ...inputs } };
  }
  password(inputs: object = {}, name = "password"): Declared {
    return {
      name,
      kind: "password",
      inputs: {
        realm: this.realm.name,
        username: this.username,
        client: "cim",
        password: configured,
        ...inputs,
      },
    };
  }
  realmRole(inputs: object = {}, name = "role"): Declared {
    return { name, kind: "realmRole", inputs: { realm: this.realm.name, role: this.roleName, ...inputs } };
  }
  roleMappings(inputs: object = {}, name = "role-mappings"): Declared {
    return {
      name,
      kind: "roleMappings",
      inputs: {
        realm: this.realm.name,
        username: this.username,
        roles: [this.roleName, "offline_access", "uma_authorization"],
        __ensured: [this.roleName],
        ...inputs,
      },
    };
  }
  tokenCheck(inputs: object = {}, name = "token"): Declared {
    return {
      name,
      kind: "tokenCheck",
      inputs: {
        realm: this.realm.name,
        client: "cim",
        username: this.username,
        password: configured,
        roles: [this.roleName, "offline_access", "uma_authorization"],
        __after: [],
        ...inputs,
      },
    };
  }
  /** All five, in the component's order. */
  all(inputs: { username?: string; mapper?: string; connection?: string } = {}, prefix = ""): Declared[] {
    const { username: _user, mapper: _mapper, ...ofRole } = inputs;
    return [
      this.audience(inputs, `${prefix}audience`),
      this.realmRole(ofRole, `${prefix}role`),
      this.customer(inputs, `${prefix}user`),
      this.password(inputs, `${prefix}password`),
      this.roleMappings(inputs, `${prefix}role-mappings`),
    ];
  }

  // What is there.

  user(): Promise<Representation> {
    return this.realm.user(this.username);
  }
  role(): Promise<Representation> {
    return this.realm.role(this.roleName);
  }
  mapper(): Promise<Representation> {
    return this.realm.mapper(this.mapperName);
  }
  async passwordCredential(): Promise<Representation> {
    return (await this.realm.credentials(this.username)).find(({ type }) => type === "password");
  }
  mapped(): Promise<string[]> {
    return this.realm.mappedRoles(this.username);
  }
  canLogIn(password: string): Promise<boolean> {
    return this.realm.canLogIn(password, this.username);
  }

  // What people do by hand.

  async mapperPath(id: string): Promise<string> {
    return `/clients/${(await this.realm.client()).id}/protocol-mappers/models/${id}`;
  }
  async makeMapper(config: object = {}, rest: object = {}): Promise<Representation> {
    const { id } = await this.realm.client();
    await this.realm.admin("POST", `/clients/${id}/protocol-mappers/models`, {
      name: this.mapperName,
      protocol: "openid-connect",
      protocolMapper: "oidc-audience-mapper",
      config: {
        "included.client.audience": "cim",
        "id.token.claim": "true",
        "access.token.claim": "true",
        "introspection.token.claim": "true",
        ...config,
      },
      ...rest,
    });
    return this.mapper();
  }
  async changeMapper(config: object, rest: object = {}): Promise<void> {
    const mapper = await this.mapper();
    await this.realm.admin("PUT", await this.mapperPath(mapper.id), {
      ...mapper,
      ...rest,
      config: { ...mapper.config, ...config },
    });
  }
  async deleteMapper(): Promise<void> {
    await this.realm.admin("DELETE", await this.mapperPath((await this.mapper()).id));
  }

  /** A user with nothing to correct; `password: null` leaves out the password. */
  async makeUser(
    given: { password?: string | null; temporary?: boolean; [field: string]: unknown } = {},
  ): Promise<Representation> {
    const { password = configured, temporary = false, ...fields } = given;
    await this.realm.admin("POST", "/users", {
      username: this.username,
      enabled: true,
      emailVerified: true,
      email: `${this.username}@example.com`,
      firstName: "By",
      lastName: "Hand",
      ...(password !== null && { credentials: [{ type: "password", value: password, temporary }] }),
      ...fields,
    });
    return this.user();
  }
  /** An admin of this realm only, with these client roles, deleted after the test. @returns its username */
  async makeRealmAdmin(t: ExecutionContext, password: string, roles = ["realm-admin"]): Promise<string> {
    const username = `${this.username}-admin`;
    await this.makeUser({ password, username, email: `${username}@example.com` });
    const { id } = await this.realm.user(username);
    t.teardown(() => this.realm.admin("DELETE", `/users/${id}`));
    const management = await this.realm.client("realm-management");
    const path = `/clients/${management.id}/roles`;
    const mapped = await Promise.all(roles.map((role) => this.realm.admin("GET", `${path}/${role}`)));
    await this.realm.admin("POST", `/users/${id}/role-mappings/clients/${management.id}`, mapped);
    return username;
  }
  async changeUser(changes: object): Promise<void> {
    const user = await this.user();
    await this.realm.admin("PUT", `/users/${user.id}`, { ...user, ...changes });
  }
  async deleteUser(): Promise<void> {
    await this.realm.admin("DELETE", `/users/${(await this.user()).id}`);
  }
  async resetPassword(value: string, temporary = false): Promise<void> {
    const { id } = await this.user();
    await this.realm.admin("PUT", `/users/${id}/reset-password`, { type: "password", value, temporary });
  }
  /** Recreates the user with credentials that only an import can set: OTP, or an old password. */
  async importAgain(...credentials: object[]): Promise<void> {
    const { username, email, firstName, lastName } = await this.user();
    await this.deleteUser();
    const user = { username, email, firstName, lastName, enabled: true, emailVerified: true, credentials };
    await this.realm.admin("POST", "/partialImport", { ifResourceExists: "FAIL", users: [user] });
  }
  makeAgainWithOtp(password: string): Promise<void> {
    return this.importAgain({ type: "password", value: password }, otpCredential);
  }
  /** Adds OTP to the existing user. */
  addOtp(): Promise<void> {
    return this.realm.addOtp(this.username);
  }
  removeOtp(): Promise<void> {
    return this.realm.removeOtp(this.username);
  }
  async deletePassword(): Promise<void> {
    const [user, credential] = await Promise.all([this.user(), this.passwordCredential()]);
    await this.realm.admin("DELETE", `/users/${user.id}/credentials/${credential.id}`);
  }

  async makeRole(rest: object = {}): Promise<Representation> {
    await this.realm.admin("POST", "/roles", { name: this.roleName, ...rest });
    return this.role();
  }
  async deleteRole(): Promise<void> {
    await this.realm.admin("DELETE", `/roles-by-id/${(await this.role()).id}`);
  }
  async map(...names: string[]): Promise<void> {
    await this.#mappings("POST", names);
  }
  async unmap(...names: string[]): Promise<void> {
    await this.#mappings("DELETE", names);
  }
  async #mappings(method: string, names: string[]): Promise<void> {
    const roles = await Promise.all(names.map((name) => this.realm.role(name)));
    await this.realm.admin(method, `/users/${(await this.user()).id}/role-mappings/realm`, roles);
  }

  /** Runs the action and returns what admins wrote meanwhile. */
  async writes(action: () => Promise<unknown>): Promise<string[]> {
    await this.realm.noteWrites();
    await action();
    return this.realm.written();
  }
}
