// What the customer may do behind APISIX's plugin authz-keycloak, proven by the plugin's own calls; and the cause, if
// Keycloak refuses.
import test, { type ExecutionContext } from "ava";
import { FaultyProxy } from "../../rig/faults/faulty-proxy.ts";
import { server, TestRealm } from "../../rig/keycloak/realm.ts";
import { AuthorizationServices, authorizationOn } from "../support/authorization.ts";
import { asBefore, Corner, configured, warned } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";

interface Given {
  readonly corner: Corner;
  readonly realm: TestRealm;
  readonly services: AuthorizationServices;
}

/** A realm of its own, because what is broken here cannot always be put back. */
async function given(t: ExecutionContext): Promise<Given> {
  const realm = await TestRealm.create({}, authorizationOn);
  t.teardown(() => realm.delete());
  const corner = new Corner(realm);
  await corner.setUp();
  const services = await AuthorizationServices.fill(realm, corner.roleName);
  await realm.noteWrites();
  warned();
  return { corner, realm, services };
}

const mayRead = { authorizedRequests: ["GET /ccm/channels"] };

async function changeClient(realm: TestRealm, changes: object): Promise<void> {
  const client = await realm.client();
  await realm.admin("PUT", `/clients/${client.id}`, { ...client, ...changes });
}

/** Takes uma_protection from the service account. */
async function takeRole(realm: TestRealm): Promise<void> {
  const { id } = await realm.client();
  const account = await realm.admin("GET", `/clients/${id}/service-account-user`);
  const path = `/users/${account.id}/role-mappings/clients/${id}`;
  await realm.admin("DELETE", path, await realm.admin("GET", path));
}

/** How many sessions there are at client cim, the service account's included. */
async function sessions(realm: TestRealm): Promise<number> {
  return (await realm.admin("GET", `/clients/${(await realm.client()).id}/session-count`)).count;
}

test.serial("what is allowed costs the plugin's own calls, no write, and leaves no session", async (t) => {
  const { corner, realm } = await given(t);
  const proxy = await FaultyProxy.start();
  t.teardown(() => proxy.stop());
  // Most service accounts have no session. This one has.
  await changeClient(realm, { attributes: { "client_credentials.use_refresh_token": "true" } });
  const before = await realm.snapshot();
  const stack = new Stack({ ...connection, "keycloak:url": proxy.url });
  const requests = ["GET /ccm/channels", "GET /ccm/channels/7"];
  t.deepEqual(await corner.writes(() => stack.up(corner.tokenCheck({ authorizedRequests: requests }))), []);
  t.like(stack.outs("token").token, { authorizedRequests: requests });
  const arrived = proxy.seen.filter(({ path }) => path.startsWith(`/realms/${realm.name}/`));
  const introspected = arrived.findIndex(({ path }) => path.endsWith("/introspect"));
  const token = "POST protocol/openid-connect/token";
  const resources = "GET authz/protection/resource_set";
  t.deepEqual(
    arrived
      .slice(introspected + 1)
      .map(({ method, path }) => `${method} ${path.replace(`/realms/${realm.name}/`, "")}`)
      .filter((each) => !each.endsWith("/logout")),
    ["GET .well-known/uma2-configuration", token, resources, token, resources, token],
  );
  t.false(proxy.seen.some(({ path }) => path.includes("/authz/resource-server")));
  t.is(await sessions(realm), 0);
  asBefore(t, await realm.snapshot(), before);
  t.deepEqual(warned(), []);
});

test.serial("APISIX's own address is asked, and the requests may change", async (t) => {
  const { corner, realm } = await given(t);
  const proxy = await FaultyProxy.start();
  t.teardown(() => proxy.stop());
  const stack = new Stack();
  const apisixDiscoveryBase = `${proxy.url}${server.basePath}`;
  await stack.up(corner.tokenCheck({ apisixDiscoveryBase }));
  t.false(proxy.seen.some(({ path }) => path.includes("uma2")));
  t.false("authorizedRequests" in (stack.outs("token").token as object));
  t.like((await stack.up(corner.tokenCheck({ apisixDiscoveryBase, ...mayRead })))[0], { op: "update" });
  t.true(proxy.seen.some(({ path }) => path === `/realms/${realm.name}/authz/protection/resource_set`));
  t.like(stack.outs("token").token, mayRead);
  t.is(await sessions(realm), 0);
});

test.serial("an address that only Keycloak's document names gets no credentials", async (t) => {
  const { corner, realm } = await given(t);
  const stranger = await FaultyProxy.start();
  t.teardown(() => stranger.stop());
  const frontendUrl = `${stranger.url}${server.basePath}`;
  await realm.admin("PUT", "", { attributes: { frontendUrl } });
  const stack = new Stack();
  await stack.up(corner.tokenCheck(mayRead));
  t.like(stack.outs("token").token, mayRead);
  t.deepEqual(stranger.seen, []);
  const warnings = warned();
  t.is(warnings.length, 2);
  const token = `realms/${realm.name}/protocol/openid-connect/token`;
  t.true(warnings[1]?.includes(`sends APISIX to ${frontendUrl}/${token} for permissions, which is neither`));
  t.true(warnings[1]?.includes(`It was asked at ${server.address}/${token} instead`));
});

interface Refused {
  readonly what: string;
  /** The releases of Keycloak for which it is an obstacle. */
  readonly where?: boolean;
  readonly cause?: (given: Given) => Promise<unknown>;
  readonly request?: string;
  readonly says: RegExp;
}

/** What looking a resource up takes: a role up to 26.4, a switch on the newest, and neither on 26.5.7. */
const takesRole = !server.isFrom("26.5.0");
const takesSwitch = server.isFrom("26.7.0");

const refused: readonly Refused[] = [
  {
    what: "the client is public",
    cause: ({ realm }) =>
      changeClient(realm, {
        publicClient: true,
        serviceAccountsEnabled: false,
        authorizationServicesEnabled: false,
      }),
    says: /would refuse every request .*; the client is public, .* 'Client authentication' on \(Clients, cim, Settings\)/,
  },
  {
    what: "the client has no service account",
    cause: ({ realm }) =>
      // Up to 26.4 Keycloak answers 500 if only the first is switched off.
      changeClient(realm, {
        serviceAccountsEnabled: false,
        ...(!server.isFrom("26.5.0") && { authorizationServicesEnabled: false }),
      }),
    says: /would refuse every request .*; the client has no service account: switch 'Service accounts roles' on/,
  },
  {
    what: "the authorization services are off",
    cause: ({ realm }) => changeClient(realm, { authorizationServicesEnabled: false }),
    says: /would refuse every request .*; its authorization services are off: switch 'Authorization' on/,
  },
  {
    what: "the service account lacks uma_protection",
    where: takesRole,
    cause: ({ realm }) => takeRole(realm),
    says: /would refuse every request .* uma_protection scope\.\); its service account lacks the role 'uma_protection'/,
  },
  {
    what: "remote resource management is off",
    where: takesSwitch,
    cause: ({ services }) => services.change({ allowRemoteResourceManagement: false }),
    says: /would refuse every request .*; its remote resource management is off: switch it on \(.*, Authorization, Settings\)/,
  },
  {
    what: "no resource has such a path",
    request: "GET /ccm/chanels/7",
    says: /no resource with a URI for '\/ccm\/chanels\/7'; the nearest is '\/ccm\/channels\/\*' of resource 'channels'/,
  },
  {
    what: "there are no resources",
    request: "GET /",
    cause: ({ realm }) =>
      changeClient(realm, { authorizationServicesEnabled: false }).then(async () => {
        await changeClient(realm, { authorizationServicesEnabled: true });
        const path = `/clients/${(await realm.client()).id}/authz/resource-server/resource`;
        for (const { _id } of await realm.admin("GET", path)) await realm.admin("DELETE", `${path}/${_id}`);
      }),
    says: /no resource with a URI for '\/'; the client has no resource with a URI: import CX's, or add one/,
  },
  {
    what: "the resource does not have such a scope",
    request: "PUT /ccm/channels",
    says: /; resource 'channels' has no scope 'PUT': add it \(Clients, cim, Authorization, Resources\)/,
  },
  {
    what: "there is no such scope at all",
    request: "PATCH /ccm/channels",
    says: /400 \(invalid_scope: .*PATCH.*\); resource 'channels' has no scope 'PATCH': add it/,
  },
  {
    what: "no permission is about it",
    request: "DELETE /ccm/channels",
    says: /403 \(access_denied: not_authorized\); no permission is about scope 'DELETE' of resource 'channels': add one/,
  },
  {
    what: "a policy denies it, for a role that the user lacks",
    request: "POST /ccm/channels",
    says: /policy 'agents' of permission 'write channels' denies it, because it asks for realm role 'agent', which the user lacks: map it/,
  },
  {
    what: "a permission for all resources of a type denies it",
    request: "GET /ccm/agents/7",
    says: /policy 'agents' of permission 'agents alone' denies it, because it asks for realm role 'agent'/,
  },
  {
    what: "a policy asks for a role of a client",
    cause: async ({ realm, services }) => {
      const { id } = await realm.client();
      await realm.admin("POST", `/clients/${id}/roles`, { name: "reader" });
      const role = await realm.admin("GET", `/clients/${id}/roles/reader`);
      await services.addPolicy("role", { roles: [{ id: role.id, required: true }] });
    },
    says: /policy 'another' of permission 'read channels as well' denies it, because it asks for role 'reader' of client 'cim', which the user lacks/,
  },
  {
    what: "a policy of another kind denies it",
    cause: ({ services }) => services.addPolicy("time", { notOnOrAfter: "2000-01-01 00:00:00" }),
    says: /policy 'another' of permission 'read channels as well' denies it: see its conditions \(.*, Policies\)/,
  },
  {
    what: "the token lacks the user's role",
    cause: ({ realm }) => changeClient(realm, { fullScopeAllowed: false }),
    says: /policy 'customers' of permission 'read channels' denies it, .* role 'role-\w+', which the user has but the token lacks: switch 'Full scope allowed' on/,
  },
];

for (const { what, where = true, cause, request = "GET /ccm/channels", says } of refused) {
  (where ? test.serial : test.serial.skip)(`refused, and the error names the cause: ${what}`, async (t) => {
    const context = await given(t);
    const { corner, realm } = context;
    await cause?.(context);
    const stack = new Stack();
    const before = await realm.snapshot();
    await realm.noteWrites();
    const inputs = { roles: [], authorizedRequests: [request] };
    const { message } = await t.throwsAsync(stack.up(corner.tokenCheck(inputs)));
    t.regex(message, says);
    t.true(message.startsWith("APISIX's authz-keycloak would refuse ") && message.endsWith("."), message);
    t.true(message.includes(`client 'cim' in realm '${realm.name}'`), message);
    t.false(message.includes(configured) || message.includes("the-clients-secret"));
    t.deepEqual(await realm.written(), []);
    asBefore(t, await realm.snapshot(), before);
    t.is(await sessions(realm), 0);
  });
}

test.serial(
  "a request's query counts as part of its path on the releases that take it for that",
  async (t) => {
    const { corner } = await given(t);
    const up = new Stack().up(corner.tokenCheck({ authorizedRequests: ["GET /ccm/channels?limit=5"] }));
    if (server.isFrom("26.7.0")) return void (await t.notThrowsAsync(up));
    await t.throwsAsync(up, {
      message:
        /no resource with a URI for '\/ccm\/channels\?limit=5'; the nearest is '\/ccm\/channels' of resource/,
    });
  },
);

test.serial("what one release does not ask for is no obstacle there", async (t) => {
  const { corner, realm, services } = await given(t);
  if (!takesSwitch) await services.change({ allowRemoteResourceManagement: false });
  if (!takesRole) await takeRole(realm);
  const stack = new Stack();
  await stack.up(corner.tokenCheck(mayRead));
  t.like(stack.outs("token").token, mayRead);
});

test.serial(
  "CX's and APISIX's addresses give two issuers: that is said, not a missing permission",
  async (t) => {
    const { corner } = await given(t);
    const inputs = {
      ...mayRead,
      tokenBase: server.address,
      apisixDiscoveryBase: `${server.otherUrl}${server.basePath}`,
    };
    await t.throwsAsync(new Stack().up(corner.tokenCheck(inputs)), {
      message: /its issuer is http.*fix the server's hostname/,
    });
  },
);

/** On newer ones, whoever may see clients may see their rules. */
(server.isFrom("20.0.0") ? test.serial.skip : test.serial)(
  "an admin that may not see the rules is told which right it lacks",
  async (t) => {
    const { corner, realm } = await given(t);
    const admin = await corner.makeRealmAdmin(t, "an admin's password", [
      "view-users",
      "view-clients",
      "view-realm",
    ]);
    const stack = new Stack({
      ...connection,
      "keycloak:realm": realm.name,
      "keycloak:username": admin,
      "keycloak:password": "an admin's password",
    });
    await stack.up(corner.tokenCheck(mayRead));
    t.like(stack.outs("token").token, mayRead);
    for (const request of ["POST /ccm/channels", "GET /nothing"]) {
      await t.throwsAsync(new Stack(stack.config).up(corner.tokenCheck({ authorizedRequests: [request] })), {
        message: /for the cause, give the admin the client role 'view-authorization' for this realm/,
      });
    }
  },
);
