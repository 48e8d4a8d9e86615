// The token check against a real realm: what it verifies, when it runs, and how it explains that there is no good
// token.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test, { type ExecutionContext } from "ava";
import { type Fault, FaultyProxy } from "../../rig/faults/faulty-proxy.ts";
import { locksOut, server } from "../../rig/keycloak/realm.ts";
import { asBefore, Corner, configured, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

/** Only the check is ours. */
const ready = Corner.ready;

/** Changes the realm or client `cim` for one test. */
async function changed(t: ExecutionContext, what: "realm" | "client", changes: object): Promise<void> {
  const realm = await sharedRealm();
  const path = what === "realm" ? "" : `/clients/${(await realm.client()).id}`;
  const given = await realm.admin("GET", path);
  t.teardown(() =>
    realm.admin("PUT", path, Object.fromEntries(Object.keys(changes).map((key) => [key, given[key] ?? ""]))),
  );
  await realm.admin("PUT", path, changes);
}

/** Takes a default client scope from `cim` for one test. */
async function withoutScope(t: ExecutionContext, name: string): Promise<void> {
  const realm = await sharedRealm();
  const { id } = await realm.client();
  const scopes = await realm.admin("GET", `/clients/${id}/default-client-scopes`);
  const scope = scopes.find((candidate: { name: string }) => candidate.name === name);
  const path = `/clients/${id}/default-client-scopes/${scope.id}`;
  await realm.admin("DELETE", path);
  t.teardown(() => realm.admin("PUT", path));
}

test.serial("a good token is verified both ways, without a write, and no session stays", async (t) => {
  const corner = await ready(t);
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  t.deepEqual(await stack.preview(corner.tokenCheck()), [{ name: "token", op: "create", plan: "create" }]);
  t.deepEqual(await corner.writes(() => stack.up(corner.tokenCheck())), []);
  const issuer = `${server.address}/realms/${corner.realm.name}`;
  const { token } = stack.outs("token");
  t.like(token, {
    issuer,
    algorithm: "RS256",
    fetchedAt: issuer,
    lifespan: (await corner.realm.admin("GET", "")).accessTokenLifespan,
    introspectedAt: `${issuer}/protocol/openid-connect/token/introspect`,
  });
  const { audiences, scopes, roles, keyId } = token as Record<string, string[]>;
  t.true(audiences?.includes("cim"));
  t.true(scopes?.includes("email") && scopes.includes("profile"));
  for (const role of [corner.roleName, "offline_access", "uma_authorization"]) {
    t.true(roles?.includes(role), role);
  }
  t.truthy(keyId);
  t.notRegex(JSON.stringify(token), /eyJ/, "the output holds what was verified, never the token");
  asBefore(t, await corner.realm.snapshot(), before);
  const { id } = await corner.user();
  const { id: client } = await corner.realm.client();
  t.deepEqual(await corner.realm.admin("GET", `/users/${id}/offline-sessions/${client}`), []);
  await stack.destroy();
  t.deepEqual(warned(), []);
});

test.serial(
  "it runs again only if something it depends on was written, or its own settings change",
  async (t) => {
    const corner = await ready(t);
    const stack = new Stack();
    await stack.up(corner.tokenCheck());
    const verifiedAt = () => (stack.outs("token").token as { verifiedAt: string }).verifiedAt;
    const first = verifiedAt();
    t.deepEqual(await stack.up(corner.tokenCheck()), []);
    t.is(verifiedAt(), first);
    t.like((await stack.up(corner.tokenCheck({ after: ["later"] })))[0], { op: "update" });
    t.not(verifiedAt(), first);
    t.like((await stack.up(corner.tokenCheck({ after: ["later"], roles: [] })))[0], { op: "update" });
  },
);

/** From now on Keycloak records logins. @returns how many there were of the corner's user, failed ones included */
async function loginsOf({ realm, username }: Corner): Promise<() => Promise<number>> {
  await realm.admin("PUT", "/events/config", {
    ...(await realm.admin("GET", "/events/config")),
    eventsEnabled: true,
    enabledEventTypes: [],
  });
  return async () =>
    (await realm.admin("GET", "/events?type=LOGIN&type=LOGIN_ERROR")).filter(
      ({ details }: { details?: { username?: string } }) => details?.username === username,
    ).length;
}

test.serial("a preview never logs in as the customer", async (t) => {
  const corner = await ready(t);
  const stack = new Stack();
  const logins = await loginsOf(corner);
  await stack.preview(corner.tokenCheck());
  t.is(await logins(), 0);
  await stack.up(corner.tokenCheck());
  t.is(await logins(), 1);
  await stack.preview(corner.tokenCheck({ after: ["later"] }));
  t.is(await logins(), 1);
});

test.serial("a wrong password costs one failed login, locks nobody, and is named", async (t) => {
  await changed(t, "realm", { bruteForceProtected: true });
  const corner = await ready(t);
  await corner.resetPassword("somebody's");
  await t.throwsAsync(new Stack().up(corner.tokenCheck()), {
    message: /Invalid user credentials; the password is not the configured one/,
  });
  t.like(await corner.realm.failedLogins(corner.username), { numFailures: 1, disabled: false });
});

test.serial("somebody has just failed to log in: a wrong password does not lock the user", async (t) => {
  // Keycloak locks after two failed logins within this time.
  await changed(t, "realm", { bruteForceProtected: true, quickLoginCheckMilliSeconds: 3000 });
  const corner = await ready(t);
  await corner.resetPassword("somebody's");
  await corner.realm.failLogins(corner.username, 1);
  await t.throwsAsync(new Stack().up(corner.tokenCheck()), {
    message: /Invalid user credentials; the password is not the configured one/,
  });
  t.like(await corner.realm.failedLogins(corner.username), { numFailures: 2, disabled: false });
});

interface Untried {
  readonly what: string;
  readonly failures: number;
  readonly cause?: (corner: Corner) => Promise<unknown>;
  readonly says: RegExp;
}

const untried: readonly Untried[] = [
  {
    what: "the user is locked",
    failures: locksOut.failureFactor,
    says: /the user is locked by brute-force detection after 3 failed logins: unlock the account/,
  },
  {
    what: "one more failed login would lock the user",
    failures: locksOut.failureFactor - 1,
    says: /2 failed logins of this user are counted, and another one could lock the account: /,
  },
  {
    what: "the user has OTP set up",
    failures: 0,
    cause: (corner) => corner.makeAgainWithOtp(configured),
    says: /has OTP set up, and a direct grant sends none/,
  },
  {
    what: "the user is disabled",
    failures: 0,
    cause: (corner) => corner.changeUser({ enabled: false }),
    says: /user '.*' is disabled: enable it/,
  },
];

for (const { what, failures, cause, says } of untried) {
  test.serial(`with brute-force protection no login is tried if ${what}`, async (t) => {
    await changed(t, "realm", locksOut);
    const corner = await ready(t);
    await cause?.(corner);
    await corner.realm.failLogins(corner.username, failures);
    const before = await corner.realm.failedLogins(corner.username);
    const logins = await loginsOf(corner);
    const loginsBefore = await logins();
    const error = await t.throwsAsync(new Stack().up(corner.tokenCheck()));
    t.regex(error.message, says);
    t.regex(error.message, /^Getting a token for user '.*' at client 'cim' in realm '.*' was not tried: /);
    t.is(await logins(), loginsBefore);
    t.deepEqual(await corner.realm.failedLogins(corner.username), before);
  });
}

test.serial("a login that succeeds clears the count, and the token is checked again", async (t) => {
  await changed(t, "realm", locksOut);
  const corner = await ready(t);
  await corner.realm.failLogins(corner.username, locksOut.failureFactor - 1);
  const stack = new Stack();
  await t.throwsAsync(stack.up(corner.tokenCheck()), { message: /could lock the account/ });
  t.true(await corner.canLogIn(configured));
  // Keycloak clears after it has answered.
  while ((await corner.realm.failedLogins(corner.username)).numFailures > 0);
  await stack.up(corner.tokenCheck());
  t.like(stack.outs("token").token, { algorithm: "RS256" });
});

/** Keycloak's answer to a wrong password, and to any other while another login of the same user is running. */
const refused: Fault = {
  passedOn: false,
  comes: {
    status: 401,
    headers: { "content-type": "application/json" },
    body: '{"error":"invalid_grant","error_description":"Invalid user credentials"}',
  },
};

/** A stack whose first login of the customer is refused, after something else has happened. */
async function refusedOnce(
  t: ExecutionContext,
  { realm }: Corner,
  meanwhile: () => Promise<unknown>,
): Promise<Stack> {
  const proxy = await FaultyProxy.start();
  t.teardown(() => proxy.stop());
  let logins = 0;
  proxy.decide(async ({ path }) => {
    if (path !== `/realms/${realm.name}/protocol/openid-connect/token` || logins++ > 0) return undefined;
    await meanwhile();
    return refused;
  });
  return new Stack({ ...connection, "keycloak:url": proxy.url });
}

test.serial(
  "another login collides with ours and clears the count: the password is not blamed",
  async (t) => {
    await changed(t, "realm", { bruteForceProtected: true, quickLoginCheckMilliSeconds: 0 });
    const corner = await ready(t);
    await corner.realm.failLogins(corner.username, 1);
    const stack = await refusedOnce(t, corner, async () => {
      await corner.canLogIn(configured);
      while ((await corner.realm.failedLogins(corner.username)).numFailures > 0);
    });
    await stack.up(corner.tokenCheck());
    t.like(stack.outs("token").token, { algorithm: "RS256" });
  },
);

test.serial(
  "others lock the user during our login: the error does not blame the password alone",
  async (t) => {
    await changed(t, "realm", locksOut);
    const corner = await ready(t);
    const stack = await refusedOnce(t, corner, () => corner.realm.lockOut(corner.username));
    await t.throwsAsync(stack.up(corner.tokenCheck()), {
      message: /is not the configured one, or Keycloak did not look at it, because other logins .* locked/,
    });
  },
);

interface Failing {
  readonly what: string;
  /** The first release of Keycloak that knows this cause. */
  readonly from?: string;
  readonly cause: (t: ExecutionContext, corner: Corner) => Promise<unknown>;
  readonly says: RegExp;
}

const causes: readonly Failing[] = [
  {
    what: "direct grants off for the client",
    cause: (t) => changed(t, "client", { directAccessGrantsEnabled: false }),
    says: /client 'cim' does not allow direct grants: switch 'Direct access grants' on/,
  },
  {
    what: "the client disabled",
    cause: (t) => changed(t, "client", { enabled: false }),
    says: /client 'cim' is disabled: enable it/,
  },
  {
    what: "the realm disabled",
    cause: (t) => changed(t, "realm", { enabled: false }),
    says: /realm '.*' is disabled: enable it/,
  },
  {
    what: "SSL required",
    cause: (t) => changed(t, "realm", { sslRequired: "all" }),
    says: /requires SSL for all requests: use an https address/,
  },
  {
    what: "the profile incomplete",
    from: "24.0.0",
    cause: (_t, corner) => corner.changeUser({ lastName: "" }),
    says: /Account is not fully set up; the realm's user profile requires lastName, which user '.*' lacks/,
  },
  {
    what: "a wrong password",
    cause: (_t, corner) => corner.resetPassword("somebody's"),
    says: /Invalid user credentials; the password is not the configured one/,
  },
  {
    what: "a temporary password",
    cause: (_t, corner) => corner.resetPassword(configured, true),
    says: /required actions are pending: UPDATE_PASSWORD \(the password is temporary\)/,
  },
  {
    what: "a required action pending",
    cause: (_t, corner) => corner.changeUser({ requiredActions: ["VERIFY_EMAIL"] }),
    says: /required actions are pending: VERIFY_EMAIL; clear them/,
  },
  {
    what: "the user disabled",
    cause: (_t, corner) => corner.changeUser({ enabled: false }),
    says: /user '.*' is disabled: enable it/,
  },
  {
    what: "OTP set up",
    cause: (_t, corner) => corner.makeAgainWithOtp(configured),
    says: /has OTP set up, and a direct grant sends none/,
  },
  {
    what: "the user missing",
    cause: (_t, corner) => corner.deleteUser(),
    says: /the user is not there/,
  },
  {
    what: "the audience missing",
    cause: (_t, corner) => corner.deleteMapper(),
    says: /its audience \(.*\) lacks 'cim', so the Audience mapper does not work/,
  },
  {
    what: "the mapper switched off for access tokens",
    cause: (_t, corner) => corner.changeMapper({ "access.token.claim": "false" }),
    says: /lacks 'cim'/,
  },
  {
    what: "a scope that APISIX requires missing",
    cause: (t) => withoutScope(t, "email"),
    says: /its scope \(.*\) lacks 'email': make them default client scopes of client 'cim'/,
  },
  {
    what: "a role missing",
    cause: (_t, corner) => corner.unmap(corner.roleName),
    says: /its realm roles \(.*\) lack 'role-.*'/,
  },
  {
    what: "roles kept out of the token",
    cause: (t) => withoutScope(t, "roles"),
    says: /its realm roles \(none\) lack .*; see whether client 'cim' has the client scope 'roles'/,
  },
];

for (const { what, from, cause, says } of causes) {
  const where = from === undefined || server.isFrom(from) ? test.serial : test.serial.skip;
  where(`the error names the cause: ${what}`, async (t) => {
    const corner = await ready(t);
    await cause(t, corner);
    const stack = new Stack();
    const error = await t.throwsAsync(stack.up(corner.tokenCheck()));
    t.regex(error.message, says);
    t.true(error.message.includes(`user '${corner.username}'`) && error.message.includes("client 'cim'"));
    t.false(error.message.includes(configured) || error.message.includes("the-clients-secret"));
    t.is(error.stack, "");
    t.false(stack.state.has("token"), "not in the state, so the next up checks again");
  });
}

/** Sets this process's clock, until the returned function sets it right again. */
function setClock(offset: number): () => void {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...given: unknown[]) {
      super(...((given.length > 0 ? given : [RealDate.now() + offset]) as []));
    }
    static override now(): number {
      return RealDate.now() + offset;
    }
  } as DateConstructor;
  return () => {
    globalThis.Date = RealDate;
  };
}

for (const [minutes, words] of [
  [10, "ahead of"],
  [-10, "behind"],
] as const) {
  test.serial(
    `a clock ten minutes ${words} Keycloak's: the token is good, and a warning says so`,
    async (t) => {
      const corner = await ready(t);
      const stack = new Stack();
      const setRight = setClock(minutes * 60_000);
      try {
        await stack.up(corner.tokenCheck());
      } finally {
        setRight();
      }
      t.like(stack.outs("token").token, { algorithm: "RS256" });
      const said = warned();
      t.is(said.length, 1);
      t.regex(
        said[0] ?? "",
        new RegExp(`^This machine's clock is \\d{3} s ${words} that of Keycloak at http`),
      );
    },
  );
}

test.serial("a realm that signs with another algorithm: the error says so", async (t) => {
  const corner = await ready(t);
  await changed(t, "realm", { defaultSignatureAlgorithm: "HS256" });
  await t.throwsAsync(new Stack().up(corner.tokenCheck()), {
    message: /the access token is signed with HS256, and APISIX expects RS256; set the signature algorithm/,
  });
});

test.serial("a public client cannot introspect: only the realm's keys verify the token", async (t) => {
  const corner = await ready(t);
  await changed(t, "client", { publicClient: true });
  const stack = new Stack();
  await stack.up(corner.tokenCheck());
  t.like(stack.outs("token").token, { algorithm: "RS256" });
  t.false("introspectedAt" in (stack.outs("token").token as object));
});

test.serial(
  "CX's and APISIX's addresses give two issuers: refused, and the error says what to fix",
  async (t) => {
    const corner = await ready(t);
    const apisixDiscoveryBase = `${server.otherUrl}${server.basePath}`;
    const tokenBase = server.address;
    const error = await t.throwsAsync(new Stack().up(corner.tokenCheck({ apisixDiscoveryBase, tokenBase })));
    t.true(error.message.includes(`at ${apisixDiscoveryBase}`), error.message);
    t.regex(error.message, /its issuer is http.*fix the server's hostname.*'hostname'.*or set tokenBase/);
  },
);

/** Fixes the realm's public address for one test, whatever address a request uses. */
async function fixedAddress(t: ExecutionContext, frontendUrl: string): Promise<void> {
  const realm = await sharedRealm();
  t.teardown(() => realm.admin("PUT", "", { attributes: { frontendUrl: "" } }));
  await realm.admin("PUT", "", { attributes: { frontendUrl } });
}

/** From 25 on Keycloak's documents name the fixed address for introspection as well. */
const namesFixedAddress = server.isFrom("25.0.0") ? test.serial : test.serial.skip;

namesFixedAddress(
  "with a fixed hostname, introspection uses the endpoint that APISIX is sent to",
  async (t) => {
    const corner = await ready(t);
    await fixedAddress(t, server.address);
    const stack = new Stack();
    const inside = `${server.otherUrl}${server.basePath}`;
    await stack.up(corner.tokenCheck({ apisixDiscoveryBase: inside }));
    const issuer = `${server.address}/realms/${corner.realm.name}`;
    t.like(stack.outs("token").token, {
      issuer,
      introspectedAt: `${issuer}/protocol/openid-connect/token/introspect`,
    });
    t.deepEqual(warned(), []);
  },
);

namesFixedAddress(
  "APISIX is sent to an address that nobody named: it gets no credentials, and its word proves nothing",
  async (t) => {
    const corner = await ready(t);
    const arrived: string[] = [];
    const stranger = createServer((request, answer) => {
      arrived.push(`${request.method} ${request.url}`);
      answer.writeHead(200, { "content-type": "application/json" }).end('{"active":true}');
    });
    await new Promise<void>((resolve) => stranger.listen(0, "localhost", resolve));
    t.teardown(() => stranger.close());
    const elsewhere = `http://localhost:${(stranger.address() as AddressInfo).port}/auth`;
    await fixedAddress(t, elsewhere);
    const stack = new Stack();
    await stack.up(corner.tokenCheck());
    t.deepEqual(arrived, []);
    const introspection = `realms/${corner.realm.name}/protocol/openid-connect/token/introspect`;
    t.like(stack.outs("token").token, { introspectedAt: `${server.address}/${introspection}` });
    const [said = "", ...others] = warned();
    t.deepEqual(others, []);
    t.true(said.includes(`sends APISIX to ${elsewhere}/${introspection} for introspection`), said);
    t.true(said.includes(`asked at ${server.address}/${introspection} instead`), said);
    t.regex(
      said,
      /neither keycloak:url nor apisixDiscoveryBase nor tokenBase.*is not proven: .*set apisixDiscoveryBase/,
    );
  },
);

namesFixedAddress(
  "APISIX is sent to an address that cannot be reached from here: a warning says so",
  async (t) => {
    const corner = await ready(t);
    const apisixDiscoveryBase = "http://keycloak.invalid/auth";
    await fixedAddress(t, apisixDiscoveryBase);
    const stack = new Stack();
    await stack.up(corner.tokenCheck({ apisixDiscoveryBase }));
    const path = `realms/${corner.realm.name}`;
    t.like(stack.outs("token").token, {
      issuer: `http://keycloak.invalid/auth/${path}`,
      introspectedAt: `${server.address}/${path}/protocol/openid-connect/token/introspect`,
    });
    t.regex(
      warned().join("\n"),
      /sends APISIX to http:\/\/keycloak\.invalid\/.* not reachable from here.*hostname-backchannel-dynamic/,
    );
  },
);

test.serial("the gateway's scope: the token must carry it, and no other client may get it", async (t) => {
  const corner = await ready(t);
  const { roleName: scope, realm } = corner;
  const inputs = { gatewayScope: scope };
  await t.throwsAsync(new Stack().up(corner.tokenCheck(inputs)), {
    message: new RegExp(`its scope .* lacks '${scope}': make them default client scopes of client 'cim'`),
  });
  const declared = {
    name: "gateway-scope",
    kind: "gatewayScope",
    inputs: { realm: realm.name, client: "cim", scope },
  } as const;
  const stack = new Stack();
  t.teardown(() => stack.destroy());
  await stack.up(declared, corner.tokenCheck(inputs));
  t.true((stack.outs("token").token as { scopes: string[] }).scopes.includes(scope));
  t.deepEqual(warned(), []);

  const [other, scopes] = await Promise.all([
    realm.client("admin-cli"),
    realm.admin("GET", "/client-scopes"),
  ]);
  const { id } = scopes.find(({ name }: { name: string }) => name === scope);
  const path = `/clients/${other.id}/optional-client-scopes/${id}`;
  await realm.admin("PUT", path);
  t.teardown(() => realm.admin("DELETE", path));
  await t.throwsAsync(new Stack().up(corner.tokenCheck(inputs)), {
    message: new RegExp(`client 'admin-cli' gets scope '${scope}' as well, so the gateway would let in`),
  });
});

test.serial(
  "a kept password that others have changed: nothing is proven, and that is no failure",
  async (t) => {
    const corner = await ready(t);
    await corner.resetPassword("their own 4!");
    const stack = new Stack();
    await stack.up(corner.tokenCheck({ keep: true }));
    t.is(stack.outs("token").token, undefined);
    t.regex(warned().join("\n"), /^Nothing is proven for user .*leaves it to others/);
    await t.throwsAsync(new Stack().up(corner.tokenCheck()), { message: /not the configured one/ });
  },
);
