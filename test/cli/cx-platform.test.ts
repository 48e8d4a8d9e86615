// examples/cx-platform, the way a user of the package runs it: both programs, through the real CLI.
import { randomBytes } from "node:crypto";
import { cp, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { parse } from "yaml";
import { TestRealm } from "../../rig/keycloak/realm.ts";
import { root } from "../../rig/machine/folders.ts";
import { keycloakPluginFolder } from "../../rig/pulumi/engine.ts";
import { TestProject } from "../../rig/pulumi/project.ts";
import { succeeded } from "../support/given.ts";

test("the platform makes its tenants ready, and the routes' program writes what APISIX needs", async (t) => {
  const folder = await keycloakPluginFolder();
  const project = await TestProject.create({
    env: { ...(folder && { PATH: `${folder}${path.delimiter}${process.env.PATH}` }) },
  });
  t.teardown(() => project.delete());
  await cp(path.join(root, "examples", "cx-platform"), project.folder, { recursive: true });

  const suffix = randomBytes(3).toString("hex");
  const tenants = ["one", "two", "three"].map((name) => new TestRealm(`t-${suffix}-${name}`));
  const [first] = tenants as [TestRealm, ...TestRealm[]];
  const names = tenants.map(({ name }) => name);
  t.teardown(() => Promise.all(tenants.map((realm) => realm.delete().catch(() => undefined))));

  const platform = await project.stack("dev");
  await platform.run(
    "config",
    "set-all",
    "--path",
    ...tenants.flatMap(({ name }, index) => [
      ...["--plaintext", `cx-platform:tenants[${index}].id=${name}`],
      ...["--plaintext", `cx-platform:tenants[${index}].displayName=${name}`],
      ...["--secret", `cx-platform:customerPasswords["${name}"]=password of ${name}`],
    ]),
  );
  succeeded(t, await platform.up());
  for (const tenant of tenants) {
    t.true(await tenant.canLogIn(`password of ${tenant.name}`), tenant.name);
    const roles = (await tenant.admin("GET", "/roles")).map(({ name }: { name: string }) => name);
    for (const role of ["agent", "supervisor", "customer"]) t.true(roles.includes(role), role);
  }
  const { apisix, tokens } = await platform.outputs();
  t.deepEqual(Object.keys(apisix).sort(), names.toSorted());
  t.true(tokens[first.name].scopes.includes("cx"), "the token is like those that customers get");
  succeeded(t, await platform.preview("--expect-no-changes"));
  succeeded(t, await platform.up("--expect-no-changes"));

  const inRoutes = (...args: string[]) => project.pulumi("-C", "routes", ...args, "--stack", "dev");
  await project.pulumi("-C", "routes", "stack", "init", "dev");
  const written = await inRoutes("up", "--yes", "--skip-preview");
  succeeded(t, written);
  const secret: string = apisix[first.name]["openid-connect"].client_secret;
  t.false(written.output.includes(secret));
  const state = path.join(project.folder, "state", ".pulumi", "stacks", "cx-routes", "dev.json");
  t.false(
    (await readFile(state, "utf8")).includes(secret),
    "the secret is encrypted in the consumer's state, too",
  );

  const file = (tenant: TestRealm) => path.join(project.folder, "routes", "out", `${tenant.name}.yaml`);
  for (const tenant of tenants) {
    const { routes } = parse(await readFile(file(tenant), "utf8"));
    t.is(routes.length, 2);
    t.like(routes[0], { id: `${tenant.name}-conversation-manager`, service_id: "svc-conversation-manager" });
    t.deepEqual(routes[0].plugins, apisix[tenant.name]);
    t.is(apisix[tenant.name]["openid-connect"].client_secret, (await tenant.client()).secret);
    t.is((await stat(file(tenant))).mode & 0o777, 0o600);
  }
  succeeded(t, await inRoutes("preview", "--expect-no-changes"));

  await writeFile(file(first), "routes: []\n");
  t.not((await inRoutes("preview", "--expect-no-changes")).exitCode, 0, "a changed file shows");
  succeeded(t, await inRoutes("up", "--yes", "--skip-preview"));
  t.is(parse(await readFile(file(first), "utf8")).routes.length, 2);

  succeeded(t, await inRoutes("destroy", "--yes", "--skip-preview"));
  await t.throwsAsync(stat(file(first)), { code: "ENOENT" });
  succeeded(t, await platform.destroy());
  await t.throwsAsync(first.admin("GET", ""), { message: /404/ });
});
