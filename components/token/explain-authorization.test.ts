// Which resource is meant, and which policy is to blame.
import test from "ava";
import type { Permission, WantedRole } from "../keycloak/authorization-services.ts";
import { findDenial, nearest } from "./explain-authorization.ts";

test("the nearest URI shares the most segments, and then differs least", (t) => {
  const resources = [
    { name: "everything", uris: ["/other"] },
    { name: "channels", uris: ["/ccm/channels", "/ccm/channels/*"] },
    { name: "agents", uris: ["/ccm/agents/*"] },
    { name: "none", uris: [] },
  ];
  for (const [path, uri] of [
    ["/ccm/chanels", "/ccm/channels"],
    ["/ccm/chanels/7", "/ccm/channels/*"],
    ["/ccm/channels?a=b", "/ccm/channels"],
    ["/ccm/agent/7", "/ccm/agents/*"],
    ["/ohter", "/other"],
  ]) {
    t.is(nearest(path ?? "", resources)?.uri, uri, path);
  }
  t.is(nearest("/x", [{ name: "none", uris: [] }]), undefined);
});

const token = (claims: object) => `.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;
const held = {
  token: token({ resource_access: { cim: { roles: ["reader"] } } }),
  roles: ["customer"],
};
const role = (name: string, rest: Partial<WantedRole> = {}): WantedRole => ({
  name,
  isRequired: false,
  ...rest,
});

function permission(name: string, denies: boolean, ...policies: Permission["policies"]): Permission {
  return { name, denies, policies };
}

test("only a permission that denies counts, as long as there is one", (t) => {
  const agents = { name: "agents", denies: true, roles: [role("agent")] };
  const customers = { name: "customers", denies: false, roles: [role("customer")] };
  const affirmative = permission("one will do", false, agents, customers);
  t.deepEqual(findDenial([affirmative, permission("all", true, customers, agents)], held), {
    permission: "all",
    policy: "agents",
    roles: [role("agent")],
  });
});

test("a role policy is to blame if the token lacks what it asks for, whatever the evaluation says", (t) => {
  const blamed = (...roles: WantedRole[]) =>
    findDenial([permission("p", false, { name: "x", denies: false, roles })], held)?.roles;
  t.deepEqual(blamed(role("agent"), role("admin")), [role("agent"), role("admin")]);
  t.is(blamed(role("agent"), role("customer")), undefined, "one of them is enough");
  const required = role("admin", { isRequired: true });
  t.deepEqual(blamed(role("customer"), required), [required]);
  t.is(blamed(role("reader", { client: "cim" })), undefined);
  const ofAnother = role("reader", { client: "other" });
  t.deepEqual(blamed(ofAnother), [ofAnother]);
  t.is(blamed(), undefined);
});

test("a policy of another kind is to blame if it denies", (t) => {
  const denial = findDenial([permission("p", true, { name: "office hours", denies: true, roles: [] })], held);
  t.deepEqual(denial, { permission: "p", policy: "office hours", roles: [] });
});
