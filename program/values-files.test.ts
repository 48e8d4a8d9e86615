// The plugin configurations as text, whatever a realm is called.
import * as pulumi from "@pulumi/pulumi";
import test from "ava";
import { parse } from "yaml";
import { openidConnectPlugin } from "../components/apisix/openid-connect.ts";
import { apisixTexts } from "./values-files.ts";

const value = <T>(output: pulumi.Output<T>) => new Promise<T>((resolve) => output.apply(resolve));

const plugin = (realm: string) =>
  openidConnectPlugin({ realm, client: "cim", clientSecret: `of ${realm}: #1`, keycloak: "http://kc/auth" });

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
  const texts = apisixTexts(
    Object.fromEntries(realms.map((realm) => [realm, pulumi.output(plugin(realm))] as const)),
  );
  const fragment = await value(texts.apisixCustomValues);
  const references = [...fragment.matchAll(/^#\s+openid-connect: (\*[A-Za-z0-9_-]+)$/gm)].map(
    ([, name]) => name,
  );
  t.is(new Set(references).size, realms.length);
  const routes = references.map((reference) => `  - ${reference}`).join("\n");
  const parsed = parse(`${fragment}\nroutes:\n${routes}\n`).routes as { realm: string }[];
  t.deepEqual(parsed.map(({ realm }) => realm).sort(), realms.toSorted());

  const wanted = Object.fromEntries(realms.map((realm) => [realm, { "openid-connect": plugin(realm) }]));
  t.deepEqual(parse(await value(texts.apisixYaml)), wanted);
  t.deepEqual(JSON.parse(await value(texts.apisixJson)), wanted);
});
