// The token is fetched where CX fetches it and checked where APISIX checks it, as far as both can be reached from here.
// The addresses are proxies before one Keycloak, so each gives another issuer unless the realm's is fixed.
import test, { type ExecutionContext } from "ava";
import { FaultyProxy } from "../../rig/faults/faulty-proxy.ts";
import { server } from "../../rig/keycloak/realm.ts";
import { Corner, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";

test.after.always(deleteRealm);

/** Another address of the same Keycloak, with its base path, and what arrived there. */
async function address(t: ExecutionContext) {
  const proxy = await FaultyProxy.start();
  t.teardown(() => proxy.stop());
  const base = `${proxy.url}${server.basePath}`;
  const { name } = await sharedRealm();
  const arrived = () =>
    proxy.seen
      .filter(({ path }) => path.startsWith(`/realms/${name}/`))
      .map(({ method, path }) => `${method} ${path.replace(`/realms/${name}/`, "")}`);
  return { url: proxy.url, base, realm: `${base}/realms/${name}`, arrived };
}

const nowhere = "http://keycloak.invalid/auth";
const token = "protocol/openid-connect/token";
const wellKnown = ".well-known/openid-configuration";
const reads = `GET ${wellKnown}`;
const logsIn = `POST ${token}`;
const introspects = `POST ${token}/introspect`;
const logsOut = "POST protocol/openid-connect/logout";

async function sessionsOf({ realm, username }: Corner): Promise<number> {
  return (await realm.admin("GET", `/users/${(await realm.user(username)).id}/sessions`)).length;
}

test.serial("from outside, a reachable inner address serves CX and APISIX alike", async (t) => {
  const corner = await Corner.ready(t);
  const [outer, inner] = await Promise.all([address(t), address(t)]);
  const stack = new Stack({ ...connection, "keycloak:url": outer.url });
  await stack.up(corner.tokenCheck({ apisixDiscoveryBase: `${inner.base}/` }));
  t.like(stack.outs("token").token, {
    issuer: inner.realm,
    fetchedAt: inner.realm,
    introspectedAt: `${inner.realm}/${token}/introspect`,
  });
  t.deepEqual(inner.arrived(), [reads, logsIn, introspects, logsOut]);
  t.deepEqual(outer.arrived(), ["GET protocol/openid-connect/certs"]);
  t.is(await sessionsOf(corner), 0);
  t.deepEqual(warned(), []);
});

test.serial("two addresses: each gets only what CX or APISIX sends there", async (t) => {
  const corner = await Corner.ready(t);
  const [cx, apisix] = await Promise.all([address(t), address(t)]);
  t.teardown(() => corner.realm.admin("PUT", "", { attributes: { frontendUrl: "" } }));
  await corner.realm.admin("PUT", "", { attributes: { frontendUrl: cx.base } });
  const stack = new Stack();
  await stack.up(corner.tokenCheck({ apisixDiscoveryBase: apisix.base, tokenBase: cx.base }));
  t.like(stack.outs("token").token, { issuer: cx.realm, fetchedAt: cx.realm });
  const arrived = [cx.arrived(), apisix.arrived()];
  const document = (await (await fetch(`${apisix.realm}/${wellKnown}`)).json()) as Record<string, string>;
  const sentToCx = document.introspection_endpoint?.startsWith(cx.realm);
  t.deepEqual(arrived, [
    [reads, logsIn, ...(sentToCx ? [introspects] : []), logsOut],
    [reads, ...(sentToCx ? [] : [introspects])],
  ]);
  t.is(await sessionsOf(corner), 0);
  t.deepEqual(warned(), []);
});

const cxFetches = "CX fetches its customers' tokens";
const apisixAsks = "APISIX asks about tokens";
const cxGets = "that CX gets a token there";
const apisixAccepts = "that APISIX accepts the token there";

/** `other` stands for a reachable address other than ours. */
const unreachable: readonly {
  readonly what: string;
  readonly tokenBase?: string;
  readonly apisixDiscoveryBase?: string;
  readonly asked: "ours" | "other";
  readonly warns: readonly [at: string, use: string, claim: string][];
}[] = [
  {
    what: "CX's address, where APISIX asks at another",
    tokenBase: nowhere,
    apisixDiscoveryBase: "other",
    asked: "other",
    warns: [[nowhere, cxFetches, cxGets]],
  },
  {
    what: "CX's address, where APISIX asks at ours",
    tokenBase: nowhere,
    asked: "ours",
    warns: [[nowhere, cxFetches, cxGets]],
  },
  {
    what: "APISIX's address, where CX uses another",
    tokenBase: "other",
    apisixDiscoveryBase: nowhere,
    asked: "other",
    warns: [[nowhere, apisixAsks, apisixAccepts]],
  },
  {
    what: "the one address that both use",
    apisixDiscoveryBase: nowhere,
    asked: "ours",
    warns: [[nowhere, `${cxFetches} and ${apisixAsks}`, `${cxGets} and ${apisixAccepts}`]],
  },
  {
    what: "neither of their two addresses",
    tokenBase: `${nowhere}/cx`,
    apisixDiscoveryBase: nowhere,
    asked: "ours",
    warns: [
      [`${nowhere}/cx`, cxFetches, cxGets],
      [nowhere, apisixAsks, apisixAccepts],
    ],
  },
];

for (const { what, tokenBase, apisixDiscoveryBase, asked, warns } of unreachable) {
  test.serial(`not reachable from here: ${what}; no false alarm, and what is not proven`, async (t) => {
    const corner = await Corner.ready(t);
    const other = await address(t);
    const at = (base: string | undefined) => (base === "other" ? other.base : base);
    const stack = new Stack();
    await stack.up(
      corner.tokenCheck({ tokenBase: at(tokenBase), apisixDiscoveryBase: at(apisixDiscoveryBase) }),
    );
    const realm = asked === "other" ? other.realm : `${server.address}/realms/${corner.realm.name}`;
    t.like(stack.outs("token").token, {
      issuer: realm,
      fetchedAt: realm,
      introspectedAt: `${realm}/${token}/introspect`,
    });
    t.deepEqual(
      warned().map((text) => text.replace(/ Reading the discovery document failed: .* \(.*\)\.$/, "")),
      warns.map(
        ([base, use, claim]) =>
          `${base}, where ${use}, is not reachable from here, so ${realm} was asked in its place, and ${claim} is not proven.`,
      ),
    );
  });
}
