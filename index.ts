// Makes every realm that this stack's settings name ready for Expertflow CX behind APISIX, and says what APISIX and CX
// need to know about it. One component does a realm's work; this program reads the settings and collects the outputs.
import { ApisixEnablement } from "./components/index.ts";
import { apisixCustomValues as apisixText } from "./program/apisix-values.ts";
import { coreCustomValues as coreText } from "./program/core-values.ts";
import { readSettings } from "./program/settings/read.ts";
import { withoutCallers } from "./program/stack-traces.ts";

const all = await withoutCallers(async () => {
  const made = [];
  for (const { ownRealm, ...settings } of readSettings()) {
    const { realm, client } = settings;
    // Loaded only where it is needed: a stack that owns no realm needs no keycloak plugin.
    const own = ownRealm ? await import("./program/owned-realm.ts") : undefined;
    const enablement = new ApisixEnablement(realm, { ...settings, ...own?.createRealm(realm, client) });
    if (own) new own.OwnedRealm(realm, enablement);
    made.push([realm, enablement, settings] as const);
  }
  return made;
});

export const enablements = Object.fromEntries(
  all.map(([name, { realm, client, audienceMapperId, userId, roleId, adopted, token, apiUsers, apisix }]) => [
    name,
    { realm, client, audienceMapperId, userId, roleId, adopted, token, apiUsers, apisix },
  ]),
);

export const apisixCustomValues = apisixText(
  Object.fromEntries(all.map(([name, { apisix }]) => [name, apisix])),
);

export const coreCustomValues = coreText(
  Object.fromEntries(
    all.flatMap(([name, , { customerUsername: username, customerPassword }]) =>
      customerPassword ? [[name, customerPassword.apply((password) => ({ username, password }))]] : [],
    ),
  ),
);
