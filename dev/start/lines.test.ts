// How `npm start` sorts the CLI's lines. The texts are the CLI's own.
import test from "ava";
import { Lines } from "./lines.ts";

function sorted(text: string) {
  const shown: string[] = [];
  const lines = new Lines((line) => shown.push(line));
  for (const line of text.split("\n")) lines.add(line);
  return { shown, diagnostics: lines.diagnostics };
}

test("a warning is shown once, in full, and not counted", (t) => {
  const text = `Updating (dev):
 +  keycloak:index:Realm expertflow creating (0s) 
 +  keycloak:index:Realm expertflow created (4s) 
 +  pulumi:pulumi:Stack keycloak-apisix-dev creating (10s) warning: Keycloak is 19.0.1.
 +  pulumi:pulumi:Stack keycloak-apisix-dev created (14s) 3 warnings
Diagnostics:
  pulumi:pulumi:Stack (keycloak-apisix-dev):
    warning: using pulumi-resource-keycloak from $PATH at /somewhere
    warning: Keycloak is 19.0.1.

Resources:
    + 12 created`;
  t.deepEqual(sorted(text), {
    shown: [
      "Updating (dev):",
      " +  keycloak:index:Realm expertflow created (4s) ",
      " +  pulumi:pulumi:Stack keycloak-apisix-dev created (14s)",
      "Resources:",
      "    + 12 created",
    ],
    diagnostics: ["  pulumi:pulumi:Stack (keycloak-apisix-dev):", "    warning: Keycloak is 19.0.1."],
  });
});

test("nothing is left of warnings about a plugin built here, nor of the steps of a replacement", (t) => {
  const text = ` ++ pulumi-nodejs:dynamic/keycloak-apisix:User expertflow-user creating replacement (0s) [diff: ~username]
 ++ pulumi-nodejs:dynamic/keycloak-apisix:User expertflow-user created replacement (0.04s) [diff: ~username]
 +- pulumi-nodejs:dynamic/keycloak-apisix:User expertflow-user replacing (0s) [diff: ~username]
    pulumi:pulumi:Stack keycloak-apisix-dev running 
    pulumi:pulumi:Stack keycloak-apisix-dev  3 warnings
Diagnostics:
  pulumi:pulumi:Stack (keycloak-apisix-dev):
    warning: resource plugin keycloak is expected to have version >=6.13.0`;
  t.deepEqual(sorted(text), {
    shown: [
      " ++ pulumi-nodejs:dynamic/keycloak-apisix:User expertflow-user created replacement (0.04s) [diff: ~username]",
    ],
    diagnostics: [],
  });
});

test("an error is told once, at the end", (t) => {
  const text = ` +  keycloak:index:Realm expertflow creating (0s) error: 409 Conflict
 +  keycloak:index:Realm expertflow **creating failed** error: 409 Conflict
    pulumi:pulumi:Stack keycloak-apisix-dev running error: update failed
 +  pulumi:pulumi:Stack keycloak-apisix-dev **creating failed** 1 error; 2 warnings
Diagnostics:
  keycloak:index:Realm (expertflow):
    error: 409 Conflict
Resources:
    1 errored`;
  t.deepEqual(sorted(text), {
    shown: ["Resources:", "    1 errored"],
    diagnostics: ["  keycloak:index:Realm (expertflow):", "    error: 409 Conflict"],
  });
  t.deepEqual(sorted("error: the stack is currently locked").diagnostics, [
    "error: the stack is currently locked",
  ]);
});
