// The list that `npm run cx-values` ends with.
import test from "ava";
import type { RouteReport } from "./rewrite.ts";
import { listText } from "./text.ts";

const routes: readonly RouteReport[] = [
  { route: "login-unsecured", state: "open", changes: [], notes: ["its id ends in -unsecured"] },
  {
    route: "ccm",
    state: "secured",
    changes: [{ plugin: "openid-connect", how: "added" }],
    notes: ["a note"],
  },
  { route: "qm", state: "secured", changes: [], notes: [] },
  { route: "tenant", state: "other", changes: [], notes: ["its block is for another"] },
];

test("every route is in it once, with what was done or why nothing was", (t) => {
  t.is(
    listText({ routes, owner: "client 'cim' of realm 'r'", check: false }),
    `Secured with client 'cim' of realm 'r' (2):
  ccm              openid-connect added; a note
  qm               unchanged

Left with the block of another realm or client (1):
  tenant           its block is for another

Left open (1):
  login-unsecured  its id ends in -unsecured`,
  );
});

test("with --check a route that differs is not called secured", (t) => {
  t.regex(
    listText({ routes, owner: "client 'cim' of realm 'r'", check: true }),
    /^To be changed \(1\):\n {2}ccm {14}openid-connect is missing; a note\n\nSecured with client 'cim' of realm 'r' \(1\):\n {2}qm/,
  );
});
