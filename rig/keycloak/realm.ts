// A fresh realm on the test run's Keycloak, looked at and changed with plain requests, not with the code under test.
// dev/test.ts starts the server and passes its address on.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import semver from "semver";

const variable = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with 'npm test', which starts a Keycloak.`);
  return value;
};

/** The server of this test run. */
export const server = {
  get url() {
    return variable("TEST_KEYCLOAK_URL");
  },
  basePath: "/auth",
  get address() {
    return `${this.url}${this.basePath}`;
  },
  /** The same server under another host name: by its address it looks like another server. */
  get otherUrl() {
    const url = new URL(this.url);
    url.hostname = url.hostname === "localhost" ? "127.0.0.1" : "localhost";
    return url.origin;
  },
  /** Is the server of this release or a newer one? */
  isFrom: (version: string) => semver.gte(variable("TEST_KEYCLOAK_VERSION"), version),
  username: "admin",
  get password() {
    return variable("TEST_KEYCLOAK_PASSWORD");
  },
};

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
// biome-ignore lint/suspicious/noExplicitAny: representations of any kind, compared as they come
export type Representation = any;

let token: { value: string; until: number } | undefined;

async function adminToken(): Promise<string> {
  if (token && token.until > Date.now()) return token.value;
  const value = await passwordToken("master", "admin-cli", server.username, server.password);
  token = { value, until: Date.now() + 40_000 };
  return value;
}

async function passwordToken(
  realm: string,
  client: string,
  username: string,
  password: string,
): Promise<string> {
  const login = () =>
    fetch(`${server.address}/realms/${encodeURIComponent(realm)}/protocol/openid-connect/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "password", client_id: client, username, password }),
    });
  let response = await login();
  // While other tests make and delete realms, Keycloak 19 now and then answers "unknown_error".
  for (let again = 0; response.status >= 500 && again < 5; again += 1) response = await login();
  const body = (await response.json()) as { access_token?: string };
  if (!body.access_token) throw new Error(`No token: ${JSON.stringify(body)}`);
  return body.access_token;
}

/** One request to the admin API. `path` continues `/admin/realms`. @throws Error unless it succeeds. */
export async function admin(method: string, path: string, body?: unknown): Promise<Representation> {
  const response = await fetch(`${server.address}/admin/realms${path}`, {
    method,
    headers: {
      authorization: `Bearer ${await adminToken()}`,
      ...(body !== undefined && {
        "content-type": typeof body === "string" ? "text/plain" : "application/json",
      }),
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/**
 * The default key of every realm, in PEM. Most of the time that a new realm takes goes into generating RSA keys, and few
 * tests need keys of their own.
 */
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

/**
 * Settings of a realm that locks a user after three failed logins, for longer than any test lasts. An `up` that sets the
 * password has one of its own.
 */
export const locksOut = {
  bruteForceProtected: true,
  failureFactor: 3,
  quickLoginCheckMilliSeconds: 0,
  waitIncrementSeconds: 3600,
  maxFailureWaitSeconds: 3600,
};

/** The way an import brings it. */
export const otpCredential = {
  type: "otp",
  secretData: '{"value":"oOHqvdFsqwYFwcCmxFVk"}',
  credentialData: '{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}',
};

/** A realm with client `cim` (confidential, direct grants on), as CX ships it. */
export class TestRealm {
  readonly name: string;
  readonly path: string;

  constructor(name: string) {
    this.name = name;
    this.path = `/${encodeURIComponent(name)}`;
  }

  static async create(settings: object = {}, client: object | null = {}, name?: string): Promise<TestRealm> {
    const realm = new TestRealm(name ?? `t-${randomBytes(4).toString("hex")}`);
    await admin("POST", "", { realm: realm.name, enabled: true, privateKey, ...settings });
    if (client) {
      await realm.admin("POST", "/clients", {
        clientId: "cim",
        enabled: true,
        publicClient: false,
        directAccessGrantsEnabled: true,
        secret: "the-clients-secret",
        ...client,
      });
    }
    return realm;
  }

  admin(method: string, path: string, body?: unknown): Promise<Representation> {
    return admin(method, `${this.path}${path}`, body);
  }

  delete(): Promise<void> {
    return this.admin("DELETE", "");
  }

  async client(clientId = "cim"): Promise<Representation> {
    return (await this.admin("GET", `/clients?clientId=${encodeURIComponent(clientId)}`))[0];
  }
  async mapper(name = "fix-audience"): Promise<Representation> {
    return (await this.client()).protocolMappers?.find((mapper: { name: string }) => mapper.name === name);
  }
  async user(username = "customer"): Promise<Representation> {
    return (await this.admin("GET", `/users?username=${encodeURIComponent(username)}&exact=true`))[0];
  }
  async role(name = "customer"): Promise<Representation> {
    return (await this.admin("GET", "/roles?briefRepresentation=false")).find(
      (role: { name: string }) => role.name === name,
    );
  }
  async credentials(username = "customer"): Promise<Representation[]> {
    return this.admin("GET", `/users/${(await this.user(username)).id}/credentials`);
  }
  /** Sets up OTP, as the user would. */
  async addOtp(username: string): Promise<void> {
    const user = await this.user(username);
    await this.admin("PUT", `/users/${user.id}`, { ...user, credentials: [otpCredential] });
  }
  async removeOtp(username: string): Promise<void> {
    const { id } = await this.user(username);
    const otp = (await this.credentials(username)).find(({ type }) => type === "otp");
    await this.admin("DELETE", `/users/${id}/credentials/${otp?.id}`);
  }
  /** Names of the user's direct realm role mappings. */
  async mappedRoles(username = "customer"): Promise<string[]> {
    const roles = await this.admin("GET", `/users/${(await this.user(username)).id}/role-mappings/realm`);
    return roles.map(({ name }: { name: string }) => name).sort();
  }
  /** The client's secret, asked for by itself: Keycloak 18 leaves it out of the list of clients. */
  async #secret(clientId = "cim"): Promise<string> {
    const { id } = await this.client(clientId);
    return (await this.admin("GET", `/clients/${id}/client-secret`)).value;
  }

  /** Keycloak's answer to a direct grant. */
  async directGrant(password: string, username = "customer", clientId = "cim"): Promise<Representation> {
    const secret = await this.#secret(clientId);
    const response = await fetch(`${server.address}/realms${this.path}/protocol/openid-connect/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "password",
        client_id: clientId,
        client_secret: secret,
        username,
        password,
        scope: "openid",
      }),
    });
    return response.json();
  }

  /** Can the user get a token at client `cim`? The session is closed at once. */
  async canLogIn(password: string, username = "customer"): Promise<boolean> {
    const { refresh_token, error_description } = await this.directGrant(password, username);
    if (!refresh_token) {
      if (/Invalid user credentials|not fully set up|disabled/.test(error_description)) return false;
      throw new Error(`No token, for another reason than the password: ${error_description}`);
    }
    const secret = await this.#secret();
    await fetch(`${server.address}/realms${this.path}/protocol/openid-connect/logout`, {
      method: "POST",
      body: new URLSearchParams({ client_id: "cim", client_secret: secret, refresh_token }),
    });
    return true;
  }

  /** Makes brute-force detection lock the user, in a realm with the settings {@link locksOut}. */
  lockOut(username: string, clientId?: string): Promise<void> {
    return this.failLogins(username, locksOut.failureFactor, clientId);
  }
  /** Fails to log in so many times, in a realm that counts failures. */
  async failLogins(username: string, times: number, clientId?: string): Promise<void> {
    const counted = async () => (await this.failedLogins(username)).numFailures;
    for (let failures = 1; failures <= times; failures += 1) {
      while ((await counted()) < failures) {
        await this.directGrant("nobody's", username, clientId);
        // Keycloak counts after it has answered, and a failure counted late would lock the user once more. It does not
        // count a login during another one of the same user.
        for (let looks = 0; looks < 100 && (await counted()) < failures; looks += 1) await sleep(20);
      }
    }
  }
  /** What brute-force detection has counted. */
  async failedLogins(username: string): Promise<Representation> {
    return this.admin("GET", `/attack-detection/brute-force/users/${(await this.user(username)).id}`);
  }

  /** Starts recording what admins write; see {@link written}. */
  async noteWrites(): Promise<void> {
    const config = await this.admin("GET", "/events/config");
    // A write makes Keycloak reload the whole realm.
    if (!config.adminEventsEnabled) {
      await this.admin("PUT", "/events/config", { ...config, adminEventsEnabled: true });
    }
    await this.admin("DELETE", "/admin-events");
  }
  /** What admins have written since {@link noteWrites}, like "UPDATE users/…". */
  async written(): Promise<string[]> {
    const events = await this.admin("GET", "/admin-events?max=100");
    return events
      .map(({ operationType, resourcePath }: Representation) => `${operationType} ${resourcePath}`)
      .reverse();
  }

  /** Everything in the realm that this project could touch, to compare its state before and after. */
  async snapshot(): Promise<Representation> {
    const [settings, clients, roles, users, profile] = await Promise.all([
      this.admin("GET", ""),
      this.admin("GET", "/clients"),
      this.admin("GET", "/roles?briefRepresentation=false"),
      this.admin("GET", "/users?briefRepresentation=false&max=100"),
      this.admin("GET", "/users/profile"),
    ]);
    const details = await Promise.all(
      users.map(async (user: { id: string }) => ({
        ...user,
        credentials: await this.admin("GET", `/users/${user.id}/credentials`),
        roleMappings: inOrder(await this.admin("GET", `/users/${user.id}/role-mappings`)),
        groups: await this.admin("GET", `/users/${user.id}/groups`),
        federatedIdentities: await this.admin("GET", `/users/${user.id}/federated-identity`),
        sessions: (await this.admin("GET", `/users/${user.id}/sessions`)).length,
      })),
    );
    return {
      settings,
      clients: clients.map(withScopesInOrder),
      roles: sorted(roles),
      users: sorted(details),
      profile,
    };
  }
}

/** An admin of the whole server, other than the one that the tests use. */
export class TestAdmin {
  readonly username: string;
  readonly #id: string;

  private constructor(username: string, id: string) {
    this.username = username;
    this.#id = id;
  }

  static async create(password: string): Promise<TestAdmin> {
    const username = `a-${randomBytes(4).toString("hex")}`;
    await admin("POST", "/master/users", { username, enabled: true });
    const [{ id }] = await admin("GET", `/master/users?username=${username}&exact=true`);
    await admin("POST", `/master/users/${id}/role-mappings/realm`, [
      await admin("GET", "/master/roles/admin"),
    ]);
    const created = new TestAdmin(username, id);
    await created.setPassword(password);
    return created;
  }

  setPassword(value: string): Promise<void> {
    return admin("PUT", `/master/users/${this.#id}/reset-password`, {
      type: "password",
      value,
      temporary: false,
    });
  }

  /** How many sessions the admin has. */
  async sessions(): Promise<number> {
    return (await admin("GET", `/master/users/${this.#id}/sessions`)).length;
  }

  /** Ends the admin's sessions: Keycloak no longer accepts any of the tokens. */
  endSessions(): Promise<void> {
    return admin("POST", `/master/users/${this.#id}/logout`);
  }

  delete(): Promise<void> {
    return admin("DELETE", `/master/users/${this.#id}`);
  }
}

/** Nodes of a cluster list a client's scopes in different orders. */
function withScopesInOrder(client: Representation): Representation {
  const { defaultClientScopes = [], optionalClientScopes = [] } = client;
  return {
    ...client,
    defaultClientScopes: defaultClientScopes.toSorted(),
    optionalClientScopes: optionalClientScopes.toSorted(),
  };
}

/** Nor do they list a user's roles in the order in which they were given. */
function inOrder({ realmMappings = [], ...others }: Representation): Representation {
  return { ...others, realmMappings: sorted(realmMappings) };
}

function sorted(items: { id: string }[]): { id: string }[] {
  return items.toSorted((a, b) => a.id.localeCompare(b.id));
}
