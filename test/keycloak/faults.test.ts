// Failing networks, proxies and servers. Temporary failures are retried, and every write takes effect exactly once.
// Lasting ones end within the stated time, with one sentence. `npm run test:faults` adds the long form: each
// request of an up and a destroy in turn, with each fault, on HTTP and on TCP, and restart.test.ts.
import test, { type ExecutionContext } from "ava";
import { type Decide, type Fault, FaultyProxy, type Seen } from "../../rig/faults/faulty-proxy.ts";
import { ToxicProxy, toxiproxy } from "../../rig/faults/toxiproxy.ts";
import { server, TestAdmin } from "../../rig/keycloak/realm.ts";
import { asBefore, Corner, configured, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { CheckFailure, connection, type Declared, Stack } from "../support/engine.ts";

let proxy: FaultyProxy;
let toxic: ToxicProxy | undefined;
test.before(async () => {
  await sharedRealm();
  proxy = await FaultyProxy.start();
  if (toxiproxy) toxic = await ToxicProxy.start();
});
test.after.always(async () => {
  proxy.stop();
  await toxic?.stop();
  await deleteRealm();
});

const long = process.env.TEST_FAULTS === "long" ? test.serial : undefined;
/** Without Go, toxiproxy cannot be built. */
const onTcp = toxiproxy ? test.serial : test.serial.skip;

const page = "<html><body>Something is wrong</body></html>";
const html = { "content-type": "text/html" };
/** Every temporary fault. If `passedOn` is true, the request has taken effect before the client sees the fault. */
const faults: Readonly<Record<string, Fault>> = {
  "the request lost": { passedOn: false, comes: "reset" },
  "the answer lost": { passedOn: true, comes: "reset" },
  "half an answer": { passedOn: true, comes: "half" },
  "429": { passedOn: false, comes: { status: 429 } },
  "429 with Retry-After": { passedOn: false, comes: { status: 429, headers: { "retry-after": "1" } } },
  "500 instead": { passedOn: false, comes: { status: 500, body: '{"error":"unknown_error"}' } },
  "500 after all was done": { passedOn: true, comes: { status: 500, headers: html, body: page } },
  "502 with a page": { passedOn: true, comes: { status: 502, headers: html, body: page } },
  "503 with Retry-After": { passedOn: false, comes: { status: 503, headers: { "retry-after": "0" } } },
  "504 after all was done": { passedOn: true, comes: { status: 504, headers: html, body: page } },
  "200 with a page": { passedOn: false, comes: { status: 200, headers: html, body: page } },
};
const slow: Readonly<Record<string, Fault>> = {
  "no answer to what was done": { passedOn: true, comes: "silence" },
  "no answer to what was not done": { passedOn: false, comes: "silence" },
};

const isAdmin = ({ path: at }: Seen) => at.startsWith("/admin/");
const isWrite = (seen: Seen) => isAdmin(seen) && seen.method !== "GET";

/** Applies the fault to every other occurrence of the same request: it fails first, and then succeeds. */
function firstTime(applies: (seen: Seen) => boolean, fault: Fault): Decide {
  const times = new Map<string, number>();
  return (seen) => {
    if (!applies(seen)) return undefined;
    const key = `${seen.method} ${seen.path}`;
    times.set(key, (times.get(key) ?? 0) + 1);
    return (times.get(key) ?? 0) % 2 === 1 ? fault : undefined;
  };
}

function throughProxy(options: Record<string, string> = {}): Stack {
  return new Stack({ ...connection, "keycloak:url": proxy.url, "keycloak:clientTimeout": "3", ...options });
}

function programOf(corner: Corner): Declared[] {
  return [...corner.all(), corner.tokenCheck()];
}

/** Admin events without what differs from run to run. */
function inGeneral(events: readonly string[], corner: Corner): string[] {
  return events.map((event) =>
    event.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "*").replaceAll(corner.roleName, "ROLE"),
  );
}

/** An up and a destroy under faults: the writes are those of a faultless run, and nothing is left behind. */
async function ridesOut(t: ExecutionContext, decide: () => Decide, stack = throughProxy()): Promise<void> {
  const { ups, destroys } = await faultless();
  const corner = await Corner.of(t);
  const before = await corner.realm.snapshot();
  const program = programOf(corner);
  proxy.decide(decide());
  const up = await corner.writes(() => stack.up(...program));
  t.deepEqual(inGeneral(up, corner), ups, "each write took effect once");
  proxy.decide();
  t.deepEqual(await stack.preview(...program), []);
  for (const { name } of program.slice(0, -1)) t.is(stack.outs(name).adopted, false, name);
  proxy.decide(decide());
  const destroy = await corner.writes(() => stack.destroy());
  t.deepEqual(inGeneral(destroy, corner), destroys, "each write took effect once");
  proxy.decide();
  asBefore(t, await corner.realm.snapshot(), before);
  t.deepEqual(
    warned().filter((text) => !/trying again/.test(text)),
    [],
  );
}

interface Faultless {
  readonly ups: string[];
  readonly destroys: string[];
  readonly requests: { readonly up: number; readonly destroy: number };
}
let baseline: Promise<Faultless> | undefined;

function faultless(): Promise<Faultless> {
  baseline ??= (async () => {
    const corner = new Corner(await sharedRealm());
    const stack = throughProxy();
    proxy.decide();
    const ups = await corner.writes(() => stack.up(...programOf(corner)));
    const up = proxy.seen.length;
    proxy.decide();
    const destroys = await corner.writes(() => stack.destroy());
    return {
      ups: inGeneral(ups, corner),
      destroys: inGeneral(destroys, corner),
      requests: { up, destroy: proxy.seen.length },
    };
  })();
  return baseline;
}

for (const name of ["the request lost", "the answer lost"]) {
  const fault = faults[name] as Fault;
  test.serial(`every write fails once (${name}): each takes effect exactly once`, (t) =>
    ridesOut(t, () => firstTime(isWrite, fault)),
  );
}

test.serial(
  "every read, every login and every token request fails once, each in a different way",
  async (t) => {
    const ways = Object.values(faults);
    await ridesOut(t, () => {
      const times = new Map<string, number>();
      let way = 0;
      return (seen) => {
        const key = `${seen.method} ${seen.path}`;
        if (isWrite(seen) || times.has(key)) return undefined;
        times.set(key, 1);
        return ways[way++ % ways.length];
      };
    });
  },
);

test.serial(
  "Retry-After is respected; one that is too long fails at once, and the error says how long",
  async (t) => {
    const corner = await Corner.of(t);
    const stack = throughProxy();
    let refusedAt = 0;
    let after = 0;
    proxy.decide((seen) => {
      if (!isWrite(seen)) return undefined;
      if (refusedAt) {
        after = Date.now() - refusedAt;
        return undefined;
      }
      refusedAt = Date.now();
      return { passedOn: false, comes: { status: 429, headers: { "retry-after": "2" } } };
    });
    await stack.up(corner.realmRole());
    t.true(after >= 2000, `${after} ms`);

    proxy.decide(() => ({
      passedOn: false,
      comes: { status: 503, headers: { "retry-after": "3600" } },
    }));
    const error = await t.throwsAsync(stack.preview(corner.realmRole()), { instanceOf: CheckFailure });
    t.is(proxy.seen.length, 1);
    t.regex(
      error.message,
      /the answer was 503; the server asks clients to wait 3600 s, so try again then\.$/,
      error.message,
    );
  },
);

test.serial("the admin's sessions end during an up: it logs in again and continues", async (t) => {
  const someone = await TestAdmin.create("an admin's password");
  t.teardown(() => someone.delete());
  const corner = await Corner.of(t);
  const stack = throughProxy({
    "keycloak:username": someone.username,
    "keycloak:password": "an admin's password",
  });
  proxy.decide(async (seen) => {
    if (isWrite(seen) && proxy.seen.filter(isWrite).length % 2 === 1) await someone.endSessions();
    return undefined;
  });
  const writes = await corner.writes(() => stack.up(...programOf(corner)));
  const { ups } = await faultless();
  t.deepEqual(inGeneral(writes, corner), ups);
  t.deepEqual(await stack.preview(...programOf(corner)), []);
});

test.serial("admin tokens that live for two seconds: an up that takes longer logs in again", async (t) => {
  const corner = await Corner.of(t);
  const password = "an admin's password";
  const username = await corner.makeRealmAdmin(t, password);
  const settings = await corner.realm.admin("GET", "");
  await corner.realm.admin("PUT", "", { ...settings, accessTokenLifespan: 2 });
  t.teardown(() => corner.realm.admin("PUT", "", settings));
  const stack = throughProxy({
    "keycloak:realm": corner.realm.name,
    "keycloak:username": username,
    "keycloak:password": password,
  });
  let logins = 0;
  proxy.decide(async (seen) => {
    if (seen.path.endsWith("/token")) logins += 1;
    // Longer than a token is used, so every write needs a new one, however fast the machine is.
    if (isWrite(seen)) await new Promise((resolve) => setTimeout(resolve, 1700));
    return undefined;
  });
  const program = [corner.audience(), corner.realmRole(), corner.customer()];
  const writes = await corner.writes(() => stack.up(...program));
  t.true(logins > writes.length, `${logins} logins for ${writes.length} writes`);
  t.deepEqual(await stack.preview(...program), []);
});

test.serial("a token that is refused repeatedly: two new logins, then one sentence", async (t) => {
  const corner = await Corner.of(t);
  proxy.decide((seen) => (isAdmin(seen) ? { passedOn: false, comes: { status: 401 } } : undefined));
  const error = await t.throwsAsync(throughProxy().preview(corner.realmRole()));
  t.regex(error.message, /does not accept the admin session that it has just opened \(401\)/);
  t.is(proxy.seen.filter(({ path: at }) => at.endsWith("/token")).length, 3);
});

/** What people get to read: sentences, no stack, no secret. */
function readable(t: ExecutionContext, error: Error): void {
  t.notRegex(error.message, /\n\s+at |Unexpected failure|undefined|\[object/);
  for (const secret of [server.password, configured, "the-clients-secret"]) {
    t.false(error.message.includes(secret));
  }
}

test.serial(
  "somebody maps a role at the same time, and Keycloak refuses all: the rest is mapped",
  async (t) => {
    const corner = await Corner.of(t);
    let refused = 0;
    // Keycloak's answer to the later of two overlapping requests.
    proxy.decide(async (seen) => {
      if (!isWrite(seen) || !seen.path.endsWith("/role-mappings/realm") || refused++ > 0) return undefined;
      await corner.map("offline_access");
      const body = '{"errorMessage":"Could not add user role mappings!"}';
      return {
        passedOn: false,
        comes: { status: 400, headers: { "content-type": "application/json" }, body },
      };
    });
    const stack = throughProxy();
    await stack.up(...programOf(corner));
    t.true(refused > 1);
    t.deepEqual(await stack.preview(...programOf(corner)), []);
  },
);

test.serial("lasting faults: a few attempts, then one sentence that says what to do", async (t) => {
  const corner = await Corner.of(t);
  const lasting: readonly [Fault, RegExp][] = [
    [
      { passedOn: false, comes: "reset" },
      /Logging in as admin 'admin'.* cannot be reached \((connection \w+)\)/,
    ],
    [{ passedOn: false, comes: "silence" }, /did not answer within 1 s; see whether it is up/],
    [{ passedOn: false, comes: { status: 502, headers: html, body: page } }, /502 with a page that is not/],
    [{ passedOn: false, comes: { status: 200, headers: html, body: page } }, /is not Keycloak's \(no JSON\)/],
    [
      { passedOn: false, comes: { status: 403, headers: html, body: page } },
      /a proxy or firewall in front of Keycloak answered 403/,
    ],
  ];
  for (const [fault, words] of lasting) {
    proxy.decide(() => fault);
    const error = await t.throwsAsync(
      throughProxy({ "keycloak:clientTimeout": "1" }).preview(corner.realmRole()),
      { instanceOf: CheckFailure },
    );
    // One resource, since on a slow machine the next one tries again. How long it takes is for retry.test.ts.
    t.true(proxy.seen.length <= 3, `${proxy.seen.length} requests`);
    t.regex(error.message, words);
    t.is(error.message.split("\n").length, 1, error.message);
    readable(t, error);
  }
});

test.serial("the very first request gets no answer: it is sent once more", async (t) => {
  const corner = await Corner.of(t);
  proxy.decide((_seen, index) => (index === 0 ? { passedOn: false, comes: "silence" } : undefined));
  const steps = await throughProxy({ "keycloak:clientTimeout": "5" }).preview(...programOf(corner));
  t.is(steps.length, programOf(corner).length);
});

test.serial("Keycloak dies during an up: one wait, then one sentence; the next up continues", async (t) => {
  const corner = await Corner.of(t);
  const before = await corner.realm.snapshot();
  const stack = throughProxy({ "keycloak:clientTimeout": "2" });
  let dead = false;
  proxy.decide((seen) => {
    dead ||= isWrite(seen) && proxy.seen.filter(isWrite).length === 3;
    return dead ? { passedOn: false, comes: "reset" } : undefined;
  });
  const start = Date.now();
  const error = await t.throwsAsync(stack.up(...programOf(corner)));
  t.true(Date.now() - start > 4000, error.message);
  t.regex(
    error.message,
    /^Creating user '.*' in realm .* cannot be reached .* Tried for \d+ s\. Whether it took effect/,
  );
  readable(t, error);
  proxy.decide();
  await stack.up(...programOf(corner));
  t.deepEqual(await stack.preview(...programOf(corner)), []);
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
});

test.serial(
  "the outcome of a write stays unclear: the error says so, and the next up finds out",
  async (t) => {
    const corner = await Corner.of(t);
    const stack = throughProxy({ "keycloak:clientTimeout": "2" });
    let dead = false;
    proxy.decide((seen) => {
      const now = dead;
      dead ||= isWrite(seen);
      return dead ? { passedOn: !now, comes: "reset" } : undefined;
    });
    const error = await t.throwsAsync(stack.up(corner.realmRole()));
    t.regex(error.message, /Whether it took effect is not known: run the command again, it looks first\.$/);
    proxy.decide();
    t.truthy(await corner.role());
    await stack.up(corner.realmRole());
    t.deepEqual(await stack.preview(corner.realmRole()), []);
    await stack.destroy();
    t.is(await corner.role(), undefined, "its mark proves that it is ours");
  },
);

onTcp("connections refused for two seconds during an up: it waits", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack({ ...connection, "keycloak:url": toxic?.url ?? "", "keycloak:clientTimeout": "3" });
  const writes = await corner.writes(async () => {
    const up = stack.up(...programOf(corner));
    while (!(await corner.mapper())) await new Promise((resolve) => setTimeout(resolve, 20));
    await toxic?.refuse();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await toxic?.refuse(false);
    await up;
  });
  t.deepEqual(inGeneral(writes, corner), (await faultless()).ups);
  t.deepEqual(await stack.preview(...programOf(corner)), []);
});

onTcp("nobody listens on the port: the error says so, and what to check", async (t) => {
  const corner = await Corner.of(t);
  await toxic?.refuse();
  t.teardown(() => toxic?.refuse(false));
  const error = await t.throwsAsync(
    new Stack({ ...connection, "keycloak:url": toxic?.url ?? "" }).preview(...programOf(corner)),
  );
  t.regex(error.message, /cannot be reached \(connection refused\); check keycloak:url/);
  readable(t, error);
});

if (long) {
  for (const [name, fault] of Object.entries(faults)) {
    long(`long: every request fails once (${name})`, (t) =>
      ridesOut(t, () => firstTime(() => true, fault), throughProxy({ "keycloak:clientTimeout": "10" })),
    );
  }
  for (const [name, fault] of Object.entries(slow)) {
    long(`long: every request gets no answer once (${name})`, (t) =>
      ridesOut(t, () => firstTime(() => true, fault)),
    );
  }
  for (const name of ["the answer lost", "half an answer"]) {
    long(`long: each request of an up and a destroy in turn (${name})`, async (t) => {
      const { requests } = await faultless();
      for (let at = 0; at < Math.max(requests.up, requests.destroy); at++) {
        t.log(`request ${at}`);
        await ridesOut(t, () => (_seen, index) => (index === at ? faults[name] : undefined));
      }
    });
  }

  const toxics = [
    { type: "reset_peer", attributes: { timeout: 0 }, toxicity: 0.3 },
    { type: "reset_peer", attributes: { timeout: 40 }, toxicity: 0.3 },
    { type: "limit_data", attributes: { bytes: 700 }, toxicity: 0.3 },
    { type: "limit_data", attributes: { bytes: 5000 }, toxicity: 0.5 },
    { type: "latency", attributes: { latency: 300, jitter: 200 } },
    { type: "timeout", attributes: { timeout: 0 }, toxicity: 0.1 },
    { type: "slicer", attributes: { average_size: 50, size_variation: 20, delay: 500 } },
    { type: "bandwidth", attributes: { rate: 8 } },
  ] as const;
  for (const poison of toxics) {
    const { type, attributes, toxicity = 1 } = poison as (typeof toxics)[number] & { toxicity?: number };
    (toxiproxy ? long : long.skip)(
      `long: toxic ${type} ${JSON.stringify(attributes)} on ${toxicity * 100} % of the connections`,
      async (t) => {
        const bad = await ToxicProxy.start(7);
        t.teardown(() => bad.stop());
        await bad.poison({ type, attributes, toxicity });
        const config = { ...connection, "keycloak:url": bad.url, "keycloak:clientTimeout": "5" };
        for (let round = 0; round < 5; round++) await ridesOut(t, () => () => undefined, new Stack(config));
      },
    );
  }
}
