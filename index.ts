// The program: config → one component a realm → outputs.
import { apisixTexts } from "./apisix-texts.ts";
import { ApisixEnablement } from "./components/index.ts";
import { readSettings } from "./config.ts";

// Pulumi's SDK takes a stack for every property of every resource, and its source-map support maps each of them, which
// costs a program of fifty realms about a second (docs/design.md). Node strips types in place, so there is nothing to map.
Reflect.deleteProperty(Error, "prepareStackTrace");

const all = await Promise.all(
  readSettings().map(async ({ ownRealm, ...settings }) => {
    // Loaded only where it is needed: a stack that owns no realm needs no keycloak plugin.
    const owned = ownRealm && (await import("./owned-realm.ts")).ownedRealm(settings.realm, settings.client);
    return [settings.realm, new ApisixEnablement(settings.realm, { ...settings, ...owned })] as const;
  }),
);

export const enablements = Object.fromEntries(
  all.map(([name, { realm, client, audienceMapperId, userId, roleId, adopted, token, apisix }]) => [
    name,
    { realm, client, audienceMapperId, userId, roleId, adopted, token, apisix },
  ]),
);

export const { apisixJson, apisixYaml, apisixCustomValues } = apisixTexts(
  Object.fromEntries(all.map(([name, { apisix }]) => [name, apisix])),
);
