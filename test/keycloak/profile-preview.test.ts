// The user profile as the preview feature that it was before Keycloak 24. Before 20.0.5 it loses what a write leaves out.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { server, TestRealm } from "../../rig/keycloak/realm.ts";
import { shortLived, startKeycloak, stopKeycloak } from "../../rig/keycloak/server.ts";
import { Corner } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";

const ofPreview = server.isFrom("24.0.0") ? test.skip : test;

ofPreview("correcting and restoring a user keeps its email, names and attributes", async (t) => {
  const home = await mkdtemp(path.join(tmpdir(), "keycloak-preview-"));
  t.teardown(() => stopKeycloak(home));
  const own = await startKeycloak({
    home,
    version: process.env.TEST_KEYCLOAK_VERSION,
    adminUser: server.username,
    adminPassword: server.password,
    extraArgs: ["--features=declarative-user-profile"],
    env: shortLived,
  });
  process.env.TEST_KEYCLOAK_URL = own.url;
  const corner = new Corner(await TestRealm.create({ attributes: { userProfileEnabled: "true" } }));
  await corner.makeUser({ enabled: false, emailVerified: false, requiredActions: ["UPDATE_PROFILE"] });
  const profile = await corner.realm.admin("GET", "/users/profile");
  const extra = { name: "site", permissions: { view: ["admin"], edit: ["admin"] } };
  await corner.realm.admin("PUT", "/users/profile", {
    ...profile,
    attributes: [...profile.attributes, extra],
  });
  await corner.changeUser({ attributes: { site: ["north"] } });
  const before = await corner.user();
  const stack = new Stack({
    ...connection,
    "keycloak:url": own.url,
  });
  await stack.up(corner.customer(), corner.password());
  t.deepEqual(await corner.user(), { ...before, enabled: true, emailVerified: true, requiredActions: [] });
  await stack.destroy();
  t.deepEqual(await corner.user(), before);
});
