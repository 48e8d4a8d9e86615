// Which blocks a stack has for a realm, and what is said if it has none.
import test from "ava";
import { blocksFor } from "./block.ts";

const plugins = (realm: string) => ({
  "openid-connect": { realm, client_id: "cim", client_secret: "s3cret" },
});
const output = (...realms: string[]) =>
  Object.fromEntries(realms.map((realm) => [realm, { apisix: plugins(realm), client: "cim" }]));

test("a stack with one realm needs no --realm, one with several does", (t) => {
  t.deepEqual(blocksFor(output("a"), "s", undefined), plugins("a"));
  t.deepEqual(blocksFor(output("a", "b"), "s", "b"), plugins("b"));
  t.throws(() => blocksFor(output("a", "b"), "s", undefined), {
    message: /^Stack 's' has several realms, .* with --realm \(a, b\)\.$/,
  });
  t.throws(() => blocksFor(output("a", "b"), "s", "c"), {
    message: "Stack 's' has no realm 'c', only a, b.",
  });
  t.throws(() => blocksFor({}, "s", undefined), { message: "Stack 's' has no realm." });
});

test("whatever else stands under the realm is one of its blocks", (t) => {
  const both = { ...plugins("a"), "authz-keycloak": { client_id: "cim" } };
  t.deepEqual(blocksFor({ a: { apisix: both } }, "s", undefined), both);
});

test("what is no block, or would be a template to Helm, is refused without being quoted", (t) => {
  const templated = { "openid-connect": { client_id: "cim", client_secret: "s3cret{{" } };
  for (const enablements of [
    "s3cret",
    { a: "s3cret" },
    { a: { apisix: { "openid-connect": "s3cret" } } },
    { a: { apisix: templated } },
  ]) {
    const error = t.throws(() => blocksFor(enablements, "s", undefined));
    t.notRegex(error.message, /s3cret/);
  }
});
