// The connection to Keycloak changes: a rotated admin password, another address, several Keycloaks.
import test from "ava";
import { doByHand } from "../../rig/keycloak/by-hand.ts";
import { server, TestAdmin, TestRealm } from "../../rig/keycloak/realm.ts";
import { given, password, sameRealm, succeeded, warnings, withoutMarks } from "../support/given.ts";

const elsewhere = server.otherUrl;

test.serial("the admin's password is rotated: the one in today's environment counts", async (t) => {
  const admin = await TestAdmin.create("before the rotation");
  t.teardown(() => admin.delete());
  const { realm, stack: anybodys } = await given(t);
  const before = await realm.snapshot();
  const stack = anybodys.with({ KEYCLOAK_USER: admin.username, KEYCLOAK_PASSWORD: "before the rotation" });
  succeeded(t, await stack.up());
  await admin.setPassword("after the rotation");

  const old = await stack.preview();
  t.not(old.exitCode, 0);
  t.regex(old.output, new RegExp(`admin '${admin.username}'.*Invalid user credentials.*keycloak:password`));
  const today = stack.with({ KEYCLOAK_PASSWORD: "after the rotation" });
  succeeded(t, await today.preview("--expect-no-changes"));
  succeeded(t, await today.run("refresh", "--yes", "--skip-preview"));
  succeeded(t, await today.destroy());
  sameRealm(t, await realm.snapshot(), before);
});

test.serial("the admin's password in the config is rotated: refresh says so until the next up", async (t) => {
  const admin = await TestAdmin.create("before the rotation");
  t.teardown(() => admin.delete());
  const { realm, stack } = await given(t, {
    env: { KEYCLOAK_USER: undefined, KEYCLOAK_PASSWORD: undefined },
    config: { "keycloak:username": admin.username, "keycloak:password": "before the rotation" },
  });
  const before = await realm.snapshot();
  succeeded(t, await stack.up());
  await admin.setPassword("after the rotation");
  await stack.set("keycloak:password", "after the rotation");

  const enabled = await realm.snapshot();
  const refresh = await stack.run("refresh", "--yes", "--skip-preview");
  t.not(refresh.exitCode, 0, "refresh uses the recorded connection");
  t.regex(refresh.output, /Invalid user credentials/);
  t.regex(refresh.output, /pulumi up|--run-program/);
  t.notRegex(refresh.output, /\n\s+at /);
  const destroy = await stack.destroy();
  t.not(destroy.exitCode, 0, "and so does destroy");
  t.regex(destroy.output, /Invalid user credentials/);
  sameRealm(t, await realm.snapshot(), enabled);

  const preview = await stack.preview();
  succeeded(t, preview);
  t.notRegex(preview.output, /drift|\d+ to (update|replace|delete)/);
  succeeded(t, await stack.up());
  succeeded(t, await stack.run("refresh", "--yes", "--skip-preview"));
  succeeded(t, await stack.destroy());
  sameRealm(t, await realm.snapshot(), before);
});

test.serial(
  "another address: the preview shows it, up adopts there, and nothing at the earlier one is touched",
  async (t) => {
    const { realm, stack } = await given(t);
    succeeded(t, await stack.up());
    const enabled = await realm.snapshot();
    const moved = stack.with({ KEYCLOAK_URL: elsewhere });

    const preview = await moved.preview("--expect-no-changes", "--diff");
    t.not(preview.exitCode, 0, preview.output);
    sameRealm(t, await realm.snapshot(), enabled);
    const up = await moved.up();
    succeeded(t, up);
    sameRealm(t, withoutMarks(await realm.snapshot()), withoutMarks(enabled));
    const enablement = (await moved.outputs()).enablements[realm.name];
    t.true(Object.values(enablement.adopted).every(Boolean), JSON.stringify(enablement.adopted));
    t.true(enablement.token.issuer.startsWith(elsewhere));
    succeeded(t, await moved.preview("--expect-no-changes"));

    // A destroy with the earlier address must not touch what was recorded elsewhere.
    const destroyed = await stack.destroy();
    succeeded(t, destroyed);
    t.true(
      warnings(destroyed.output).some((said) => said.includes(`lives on ${elsewhere}${server.basePath}`)),
      destroyed.output,
    );
    t.true(await realm.canLogIn(password));
  },
);

test.serial("a program with two Keycloaks, each with its own namespace", async (t) => {
  const { realm: first, project, stack } = await given(t);
  const second = await TestRealm.create();
  t.teardown(() => second.delete());
  await doByHand(second, "the other one");
  const before = await second.snapshot();
  await stack.set("other:url", `${elsewhere}${server.basePath}`);
  await stack.set("other:username", server.username);
  await stack.set("other:password", server.password);
  await project.setProgram(`
import { ApisixEnablement } from "keycloak-apisix";
import * as pulumi from "@pulumi/pulumi";
const customerPassword = new pulumi.Config("keycloak-apisix").requireSecret("customerPassword");
const one = new ApisixEnablement("one", { realm: "${first.name}", customerPassword });
const two = new ApisixEnablement("two", {
  realm: "${second.name}",
  customerPassword: pulumi.secret("the other one"),
  connection: "other",
});
export const issuers = pulumi.all([one.token, two.token]).apply((tokens) => tokens.map((token) => token?.issuer));
`);
  succeeded(t, await stack.up());
  t.deepEqual((await stack.outputs()).issuers, [
    `${server.address}/realms/${first.name}`,
    `${elsewhere}${server.basePath}/realms/${second.name}`,
  ]);
  succeeded(t, await stack.preview("--expect-no-changes"));
  succeeded(t, await stack.destroy());
  sameRealm(t, await second.snapshot(), before);
});
