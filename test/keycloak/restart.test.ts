// Keycloak itself restarts during an up, as it does when the server is upgraded. This takes minutes, so it runs
// only with `npm run test:faults`.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { FaultyProxy } from "../../rig/faults/faulty-proxy.ts";
import { server } from "../../rig/keycloak/realm.ts";
import { startKeycloak, stopKeycloak } from "../../rig/keycloak/server.ts";
import { asBefore, Corner, deleteRealm, sharedRealm } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";

const long = process.env.TEST_FAULTS === "long" ? test.serial : test.serial.skip;

long("Keycloak restarts during an up, which waits and continues", async (t) => {
  const home = await mkdtemp(path.join(tmpdir(), "keycloak-restarted-"));
  const options = { home, adminUser: server.username, adminPassword: server.password };
  const own = await startKeycloak(options);
  t.teardown(() => stopKeycloak(home));
  process.env.TEST_KEYCLOAK_URL = own.url;
  const corner = new Corner(await sharedRealm());
  const before = await corner.realm.snapshot();
  const proxy = await FaultyProxy.start();
  t.teardown(() => proxy.stop());
  const stack = new Stack({ ...connection, "keycloak:url": proxy.url, "keycloak:clientTimeout": "60" });
  const program = [...corner.all(), corner.tokenCheck()];
  let restarted: Promise<unknown> | undefined;
  let writes = 0;
  proxy.decide(({ method, path: at }) => {
    if (method !== "GET" && at.startsWith("/admin/")) writes += 1;
    if (writes === 4)
      restarted ??= stopKeycloak(home).then(() => startKeycloak({ ...options, port: own.port }));
    return undefined;
  });
  await stack.up(...program);
  t.truthy(restarted);
  t.deepEqual(await stack.preview(...program), []);
  for (const { name } of program.slice(0, -1)) t.is(stack.outs(name).adopted, false, name);
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
  await deleteRealm();
});
