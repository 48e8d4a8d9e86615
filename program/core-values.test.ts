// The customer for CX's Core chart, whatever its password looks like.
import * as pulumi from "@pulumi/pulumi";
import test from "ava";
import { parse } from "yaml";
import { coreCustomValues } from "./core-values.ts";

const value = <T>(output: pulumi.Output<T>) => new Promise<T>((resolve) => output.apply(resolve));
const of = (username: string, password: string) => pulumi.output({ username, password });

test("user and password stand in quotes, and no password becomes a template", async (t) => {
  const passwords: Readonly<Record<string, string>> = {
    plain: "plain",
    yes: "yes",
    "1e3": "1e3",
    'a"b\\c: #d': 'a"b\\c: #d',
    "two\nlines": "two\nlines",
    "{{ .Values.x }}": '{{ "{{ .Values.x }}" }}',
    'q"{{': '{{ "q\\"{{" }}',
  };
  for (const [password, written] of Object.entries(passwords)) {
    const text = await value(coreCustomValues({ cx: of("customer", password) }));
    t.deepEqual(parse(text), {
      "web-channel-manager": {
        siteEnvVars: [
          { name: "KEYCLOAK_USERNAME_CUSTOMER", value: "customer" },
          { name: "KEYCLOAK_PASSWORD_CUSTOMER", value: written },
        ],
      },
    });
    t.regex(text, /value: "customer"/);
  }
});

test("several realms are told apart, and the text is a secret", async (t) => {
  const output = coreCustomValues({ a: of("customer", "one"), b: of("kunde", "two") });
  t.true(await pulumi.isSecret(output));
  t.regex(await value(output), /^# Realm 'a'\n[^#]*"one"\n\n# Realm 'b'\n[^#]*"kunde"[^#]*"two"\n$/);
});
