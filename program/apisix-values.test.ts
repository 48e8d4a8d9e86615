// The plugin configurations as text, whatever a realm is called.
import * as pulumi from "@pulumi/pulumi";
import test from "ava";
import { parse } from "yaml";
import { authzKeycloakPlugin } from "../components/apisix/authz-keycloak.ts";
import { openidConnectPlugin } from "../components/apisix/openid-connect.ts";
import type { ApisixPlugins } from "../components/index.ts";
import { apisixCustomValues } from "./apisix-values.ts";

const value = <T>(output: pulumi.Output<T>) => new Promise<T>((resolve) => output.apply(resolve));

const source = (realm: string) => ({
  realm,
  client: "cim",
  clientSecret: `of ${realm}: #1`,
  keycloak: "http://kc/auth",
});
const withToken = (realm: string): ApisixPlugins => ({
  "openid-connect": openidConnectPlugin(source(realm)),
});
const withBoth = (realm: string): ApisixPlugins => ({
  ...withToken(realm),
  "authz-keycloak": authzKeycloakPlugin(source(realm)),
});

test("a route refers to its own realm, whatever the realms are called", async (t) => {
  const realms = [
    "expertflow",
    "tenant 2",
    "tenant_2",
    "tenant.2",
    "tenant_20_2",
    "Mandant für Köln",
    "true",
    "12",
  ];
  for (const plugins of [withToken, withBoth]) {
    const wanted = Object.fromEntries(realms.map((realm) => [realm, plugins(realm)]));
    const fragment = await value(
      apisixCustomValues(
        Object.fromEntries(realms.map((realm) => [realm, pulumi.output(plugins(realm))] as const)),
      ),
    );
    const references = [...fragment.matchAll(/^#\s+(openid-connect|authz-keycloak): (\*[A-Za-z0-9_-]+)$/gm)];
    t.is(new Set(references.map(([, , reference]) => reference)).size, references.length);
    const routes = references.map(([, plugin, reference]) => `  - ${plugin}: ${reference}`).join("\n");
    const parsed: { routes: unknown[] } = parse(`${fragment}\nroutes:\n${routes}\n`);
    t.deepEqual(
      parsed.routes,
      Object.values(wanted).flatMap((each) =>
        Object.entries(each).map((entry) => Object.fromEntries([entry])),
      ),
    );
  }
});
