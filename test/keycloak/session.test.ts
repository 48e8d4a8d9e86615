// The admin session on a real Keycloak: what its logins leave behind.
import test, { type ExecutionContext } from "ava";
import { readConnection } from "../../components/keycloak/connection.ts";
import { KeycloakSession } from "../../components/keycloak/session.ts";
import { server } from "../../rig/keycloak/realm.ts";
import { Corner, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

/** Settings of the realm for one test. */
async function settings(t: ExecutionContext, changes: Record<string, unknown>): Promise<void> {
  const realm = await sharedRealm();
  const given = await realm.admin("GET", "");
  t.teardown(() =>
    realm.admin("PUT", "", Object.fromEntries(Object.keys(changes).map((key) => [key, given[key]]))),
  );
  await realm.admin("PUT", "", changes);
}

/** The connection of an admin of the realm itself. */
async function asRealmAdmin(t: ExecutionContext, corner: Corner): Promise<Record<string, string>> {
  const password = "the admin's password";
  return {
    ...connection,
    "keycloak:realm": corner.realm.name,
    "keycloak:username": await corner.makeRealmAdmin(t, password),
    "keycloak:password": password,
  };
}

function sessionWith(config: Record<string, string>): KeycloakSession {
  return new KeycloakSession(
    readConnection("keycloak", (key) => config[key], {}),
    async () => {},
  );
}

test.serial("a run that outlives its token logs in again, and ends both sessions", async (t) => {
  const corner = await Corner.of(t);
  await settings(t, { accessTokenLifespan: 1 });
  const config = await asRealmAdmin(t, corner);
  const { realm } = corner;
  const { id } = await realm.user(config["keycloak:username"]);
  const sessions = async () => (await realm.admin("GET", `/users/${id}/sessions`)).length;
  const session = sessionWith(config);
  do {
    await session.read("Reading the realm", () => session.admin.realms.findOne({ realm: realm.name }));
  } while ((await sessions()) < 2);
  await session.logOut();
  t.is(await sessions(), 0);
});

test.serial("a service account has no session to end", async (t) => {
  const { realm, username: clientId } = await Corner.of(t);
  const secret = "the-accounts-secret";
  await realm.admin("POST", "/clients", {
    clientId,
    secret,
    publicClient: false,
    serviceAccountsEnabled: true,
  });
  const { id } = await realm.client(clientId);
  t.teardown(() => realm.admin("DELETE", `/clients/${id}`));
  const session = sessionWith({
    "keycloak:url": connection["keycloak:url"] ?? "",
    "keycloak:basePath": connection["keycloak:basePath"] ?? "",
    "keycloak:realm": realm.name,
    "keycloak:clientId": clientId,
    "keycloak:clientSecret": secret,
  });
  const read = () => session.admin.users.find({ realm: realm.name });
  await t.throwsAsync(session.read("Reading users", read), { message: /403 Forbidden/ }, "it logged in");
  t.deepEqual(await realm.admin("GET", `/clients/${id}/session-count`), { count: 0 });
});

test.serial("a refused admin is not asked again: one failed login a command", async (t) => {
  const corner = await Corner.of(t);
  const { realm } = corner;
  const config = await asRealmAdmin(t, corner);
  await realm.admin("PUT", "/events/config", {
    ...(await realm.admin("GET", "/events/config")),
    eventsEnabled: true,
    enabledEventTypes: [],
  });
  await t.throwsAsync(new Stack({ ...config, "keycloak:password": "wrong" }).preview(...corner.all()), {
    message: /Logging in as admin .*Invalid user credentials/,
  });
  const { id } = await realm.user(config["keycloak:username"]);
  t.is((await realm.admin("GET", `/events?type=LOGIN_ERROR&user=${id}`)).length, 1);
});

test.serial("http to a host that is not this machine: one warning a run", async (t) => {
  const corner = await Corner.of(t);
  // Leads here, but is no loopback address.
  const url = new URL(connection["keycloak:url"] ?? "");
  url.hostname = "0.0.0.0";
  const stack = new Stack({ ...connection, "keycloak:url": url.origin });
  await stack.up(...corner.all(), corner.tokenCheck());
  t.deepEqual(warned(), [
    `Keycloak at ${url.origin}${server.basePath} is reached over http, so the admin's credentials, the customer's password and the client's secret travel in the clear: set keycloak:url to an https address.`,
  ]);
});

test.serial("a clear address for CX or APISIX: a warning says what goes there", async (t) => {
  const corner = await Corner.of(t);
  const clear = server.address.replace(/localhost|127\.0\.0\.1/, "0.0.0.0");
  const { realm } = corner;
  t.teardown(() => realm.admin("PUT", "", { attributes: { frontendUrl: "" } }));
  await realm.admin("PUT", "", { attributes: { frontendUrl: clear } });
  const both = "CX fetches its customers' tokens and APISIX asks about tokens";
  for (const [inputs, says] of [
    [
      { apisixDiscoveryBase: clear },
      `The customer's password and the client's secret travel in the clear to ${clear}, where ${both}: set apisixDiscoveryBase to an https address.`,
    ],
    [
      { apisixDiscoveryBase: clear, tokenBase: server.address },
      `The client's secret and a token travel in the clear to ${clear}, where APISIX asks about tokens: set apisixDiscoveryBase to an https address.`,
    ],
    [
      { apisixDiscoveryBase: server.address, tokenBase: `${clear}/` },
      `The customer's password and the client's secret travel in the clear to ${clear}, where CX fetches its customers' tokens: set tokenBase to an https address.`,
    ],
  ] as const) {
    await new Stack().up(...corner.all(), corner.tokenCheck(inputs));
    t.deepEqual(warned(), [says]);
  }
});
