// The admin's sessions: no command leaves one open, whether it succeeds or not.
import test, { type ExecutionContext } from "ava";
import { FaultyProxy } from "../../rig/faults/faulty-proxy.ts";
import { TestAdmin } from "../../rig/keycloak/realm.ts";
import { copyClone } from "../../rig/machine/clone.ts";
import { type Given, type GivenOptions, given, succeeded } from "../support/given.ts";

/** A stack that logs in as an admin of its own. */
async function withAdmin(
  t: ExecutionContext,
  { env, ...options }: GivenOptions = {},
): Promise<Given & { admin: TestAdmin }> {
  const admin = await TestAdmin.create("the admin's password");
  t.teardown(() => admin.delete());
  const asAdmin = { KEYCLOAK_USER: admin.username, KEYCLOAK_PASSWORD: "the admin's password", ...env };
  return { ...(await given(t, { env: asAdmin, ...options })), admin };
}

test.serial("preview, up, refresh, drift and destroy leave no session of the admin open", async (t) => {
  const { admin, project, stack } = await withAdmin(t, { install: copyClone });
  const commands = {
    preview: () => stack.preview(),
    up: () => stack.up(),
    "up, with nothing to do": () => stack.up(),
    refresh: () => stack.run("refresh", "--yes", "--skip-preview"),
    drift: () => project.script("drift/drift.ts"),
    destroy: () => stack.destroy(),
  };
  for (const [name, run] of Object.entries(commands)) {
    succeeded(t, await run());
    t.is(await admin.sessions(), 0, name);
  }
});

test.serial("neither does an up that fails", async (t) => {
  const { admin, stack } = await withAdmin(t);
  await stack.set("client", "of-nobody");
  const failed = await stack.up();
  t.not(failed.exitCode, 0);
  t.regex(failed.output, /Client 'of-nobody' is not in realm/);
  t.is(await admin.sessions(), 0);
});

test.serial("a logout that gets no answer fails no command", async (t) => {
  const proxy = await FaultyProxy.start();
  t.teardown(() => proxy.stop());
  const isLogout = ({ path }: { path: string }) => path.endsWith("/logout");
  const { stack } = await withAdmin(t, { env: { KEYCLOAK_URL: proxy.url } });
  proxy.decide((seen) => (isLogout(seen) ? { passedOn: false, comes: "silence" } : undefined));
  const preview = await stack.preview();
  succeeded(t, preview);
  t.true(proxy.seen.some(isLogout), "it tried");
  t.notRegex(preview.output, /error|prematurely|warning/);
});
