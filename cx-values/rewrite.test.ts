// From the text of an `apisix-custom-values.yaml` and the stack's blocks to the new text, and what it says of each route.
import test from "ava";
import { parse } from "yaml";
import type { Block, Plugins } from "./block.ts";
import { type RouteReport, rewrite, type Wanted } from "./rewrite.ts";

const keycloak = "http://keycloak.ef-external.svc/auth";

function oidc(realm = "expertflow", client = "cim", client_secret = "the stack's"): Block {
  const discovery = `${keycloak}/realms/${realm}/.well-known/openid-configuration`;
  return { client_id: client, client_secret, realm, discovery, audience: [client], bearer_only: true };
}
function authz(realm = "expertflow", client = "cim"): Block {
  const discovery = `${keycloak}/realms/${realm}/.well-known/uma2-configuration`;
  return { discovery, client_id: client, client_secret: "the stack's", http_method_as_scope: true };
}
const plugins: Plugins = { "openid-connect": oidc() };
const both: Plugins = { ...plugins, "authz-keycloak": authz() };

/** CX's way: the `#` in front of the indentation. */
function commentedOut(realm = "expertflow", client = "cim", depth = ""): string {
  return `#         openid-connect:
#           enable: true # Corrected: Disabled by default
#           discovery: "${keycloak}/realms/${realm}/.well-known/openid-configuration"
#           realm: "${realm}"
#           client_id: "${client}"
#           client_secret: "shipped"
#           audience: ["${client}", "account"]
#         ${depth}authz-keycloak:
#         ${depth}  discovery: "${keycloak}/realms/${realm}/.well-known/uma2-configuration"
#         ${depth}  client_id: "${client}"
`;
}

const rewriting = `         proxy-rewrite:
           regex_uri: ["^/x/?(.*)", "/$1"]
`;

/** One route as it stands in a file. */
function route(id: string, inPlugins: string, rest = rewriting): string {
  return `     - id: ${id}
       uris: ["/${id}/*"]
       hosts: ["{{ .Values.global.ingressRouter }}"]
       plugins:
${inPlugins}${rest}`;
}

const file = (...routes: string[]) =>
  `apisixStandalone:\n   # Routes\n   routes:\n${routes.join("     # --- next ---\n")}`;

const shipped = file(
  route("login-unsecured", ""),
  route("ccm", commentedOut()),
  route("widget", ""),
  route("qm", `         # strip the prefix\n${commentedOut("expertflow", "cim", "  ")}\n`),
  route("tenant", commentedOut("master", "multitenancy")),
);

/** What stands under a route's `plugins` in a text. */
function pluginsOf(text: string, id: string): Block | undefined {
  const { routes } = parse(text, { merge: true }).apisixStandalone as {
    routes: { id: string; plugins?: Block }[];
  };
  return routes.find((each) => each.id === id)?.plugins;
}

/** "secured ccm: openid-connect added; a note" */
function said(routes: readonly RouteReport[]): string[] {
  return routes.map(
    ({ route: id, state, changes, notes }) =>
      `${state} ${id}: ${[...changes.map(({ plugin, how }) => `${plugin} ${how}`), ...notes].join("; ")}`,
  );
}

test("routes with CX's commented-out block for the stack's client are secured, and every other is listed", (t) => {
  const { text, routes } = rewrite(shipped, { plugins });
  t.deepEqual(said(routes), [
    "open login-unsecured: its id ends in -unsecured",
    "secured ccm: openid-connect added; authz-keycloak stays a comment, the stack has none",
    "open widget: it has no commented-out block",
    "secured qm: openid-connect added; authz-keycloak stays a comment, the stack has none",
    "open tenant: its commented-out block is for client 'multitenancy' of realm 'master'",
  ]);
  const rewritten = parse(rewriting);
  for (const id of ["ccm", "qm"]) t.deepEqual(pluginsOf(text, id), { ...plugins, ...rewritten });
  for (const id of ["login-unsecured", "widget", "tenant"]) t.deepEqual(pluginsOf(text, id), rewritten);
});

test("lines are only added, below `plugins:` and at the depth of the other plugins", (t) => {
  const one = file(route("ccm", commentedOut()));
  const block = { client_id: "cim", realm: "expertflow", required_scopes: ["email"], note: "x ".repeat(99) };
  const { text } = rewrite(one, { plugins: { "openid-connect": block } });
  const added = `         openid-connect:
           client_id: "cim"
           realm: "expertflow"
           required_scopes:
             - "email"
           note: "${block.note}"
`;
  t.is(text, one.replace("       plugins:\n", `       plugins:\n${added}`));
});

test("both of the stack's blocks stand side by side, also where CX's comment has one inside the other", (t) => {
  const { text, routes } = rewrite(shipped, { plugins: both });
  t.deepEqual(pluginsOf(text, "qm"), { ...both, ...parse(rewriting) });
  t.is(said(routes)[3], "secured qm: openid-connect added; authz-keycloak added");
});

test("a second run changes nothing, and --remove gives back the file as it was", (t) => {
  for (const wanted of [{ plugins }, { plugins: both }]) {
    const { text } = rewrite(shipped, wanted);
    const again = rewrite(text, wanted);
    t.is(again.text, text);
    t.deepEqual(
      again.routes.flatMap(({ changes }) => changes),
      [],
    );
    const removed = rewrite(text, { ...wanted, remove: true });
    t.is(removed.text, shipped);
    t.is(removed.routes[1]?.state, "open");
    t.is(rewrite(removed.text, { ...wanted, remove: true }).text, shipped);
  }
});

test("the tenant API's route gets the blocks of its own realm and client, and no other does", (t) => {
  const { routes } = rewrite(shipped, { plugins: { "openid-connect": oidc("master", "multitenancy") } });
  t.deepEqual(
    routes.filter(({ state }) => state === "secured").map(({ route: id }) => id),
    ["tenant"],
  );
});

test("the realm in CX's commented-out blocks is a place to be filled in, another realm in it is not", (t) => {
  const text = file(route("ours", commentedOut()), route("theirs", commentedOut("tenant-2")));
  const { routes } = rewrite(text, { plugins: { "openid-connect": oidc("tenant-1") } });
  t.deepEqual(said(routes), [
    "secured ours: openid-connect added; authz-keycloak stays a comment, the stack has none",
    "open theirs: its commented-out block is for client 'cim' of realm 'tenant-2'",
  ]);
});

const live = (realm?: string, client?: string, secret = "the earlier") =>
  `         openid-connect:
           enable: true # by hand
           discovery: '${keycloak}/realms/${realm ?? "expertflow"}/.well-known/openid-configuration'
           client_id: ${client ?? "cim"}
           client_secret: ${secret}
`;

test("a live block is replaced if it is the same realm's and client's, and left if it is another's", (t) => {
  const before = file(
    route("ours", `${live()}         # of the next\n`),
    route("theirs", live("tenant-2")),
    route("other-client", live("expertflow", "web")),
    route("nobody's", "         openid-connect:\n           bearer_only: true\n"),
    route("ours-unsecured", live()),
  );
  const { text, routes } = rewrite(before, { plugins });
  t.deepEqual(said(routes), [
    "secured ours: openid-connect replaced",
    "other theirs: its block is for client 'cim' of realm 'tenant-2'",
    "other other-client: its block is for client 'web' of realm 'expertflow'",
    "other nobody's: its block is for no realm and no client",
    "secured ours-unsecured: its id ends in -unsecured; openid-connect differs from the stack",
  ]);
  t.deepEqual(pluginsOf(text, "ours"), { ...plugins, ...parse(rewriting) });
  const rest = (whole: string) => whole.slice(whole.indexOf("         # of the next"));
  t.is(rest(text), rest(before));
});

test("the realm that counts is the one in the addresses, not the field `realm`", (t) => {
  const misleading = live("tenant-2").replace("client_id", 'realm: "expertflow"\n           client_id');
  t.is(rewrite(file(route("a", misleading)), { plugins }).routes[0]?.state, "other");
  const encoded: Plugins = {
    "openid-connect": { ...oidc("Köln 1"), discovery: `${keycloak}/realms/K%C3%B6ln%201/x` },
  };
  t.is(rewrite(file(route("a", live("K%C3%B6ln%201"))), { plugins: encoded }).routes[0]?.state, "secured");
});

test("a block that says the same in other words is left as it is", (t) => {
  const own = `         openid-connect: { client_id: cim, client_secret: 'the stack''s', realm: expertflow,
           discovery: "${keycloak}/realms/expertflow/.well-known/openid-configuration", audience: [cim], bearer_only: true }\n`;
  const { text, routes } = rewrite(file(route("a", own)), { plugins });
  t.is(text, file(route("a", own)));
  t.deepEqual(said(routes), ["secured a: "]);
});

test("with --route only the named routes are touched, whatever they carry", (t) => {
  const before = file(
    route("login-unsecured", ""),
    route("ccm", commentedOut()),
    route("theirs", live("tenant-2") + commentedOut()),
    route("bare", "", "").replace("       plugins:\n", ""),
    route("empty", "", ""),
  );
  const named = ["login-unsecured", "theirs", "bare", "empty"];
  const { text, routes } = rewrite(before, { plugins: both, named });
  t.deepEqual(said(routes), [
    "secured login-unsecured: openid-connect added; authz-keycloak added",
    "open ccm: not named with --route",
    "secured theirs: openid-connect replaced; authz-keycloak added",
    "secured bare: openid-connect added; authz-keycloak added",
    "secured empty: openid-connect added; authz-keycloak added",
  ]);
  for (const id of ["bare", "empty"]) t.deepEqual(pluginsOf(text, id), both);
  t.deepEqual(pluginsOf(text, "theirs"), { ...both, ...parse(rewriting) });
});

test("after --remove, a further run finds the routes again, also those without CX's comment", (t) => {
  const before = file(route("by-hand", live()), route("named", ""), route("bare", "", ""));
  const first = rewrite(before, { plugins, named: ["by-hand", "named", "bare"] }).text;
  const removed = rewrite(first, { plugins, remove: true });
  for (const id of ["by-hand", "named"]) t.deepEqual(pluginsOf(removed.text, id), parse(rewriting));
  t.is(pluginsOf(removed.text, "bare"), undefined);
  t.notRegex(removed.text, /the stack's/);
  t.is(rewrite(removed.text, { plugins, remove: true }).text, removed.text);

  const { text, routes } = rewrite(removed.text, { plugins });
  t.true(routes.every(({ state, changes }) => state === "secured" && changes[0]?.how === "added"));
  t.is(rewrite(text, { plugins, remove: true }).text, removed.text);
});

test("--remove leaves blocks of another realm or client, and takes our authz-keycloak along", (t) => {
  const ours = rewrite(file(route("a", commentedOut())), { plugins: both }).text;
  t.is(rewrite(ours, { plugins, remove: true }).text, file(route("a", commentedOut())));
  const theirs = file(route("a", live("tenant-2")), route("b-unsecured", live()));
  const { text, routes } = rewrite(theirs, { plugins, remove: true });
  t.is(text, theirs);
  t.deepEqual(
    routes.map(({ state }) => state),
    ["other", "secured"],
  );
});

test("an authz-keycloak block of another client, or one that the stack does not have, is left and listed", (t) => {
  const theirs = `         authz-keycloak:\n           client_id: web\n           discovery: ${keycloak}/realms/r/x\n`;
  const before = file(route("a", commentedOut() + theirs));
  const { text, routes } = rewrite(before, { plugins: both });
  t.deepEqual(said(routes), [
    "secured a: openid-connect added; authz-keycloak is left, it is for client 'web' of realm 'r'",
  ]);
  t.deepEqual(pluginsOf(text, "a"), { ...plugins, ...parse(theirs), ...parse(rewriting) });
  t.is(rewrite(text, { plugins: both, remove: true }).text, before);
  t.deepEqual(said(rewrite(before, { plugins }).routes), [
    "secured a: openid-connect added; authz-keycloak is left as it is",
  ]);
});

test("comments elsewhere do not make a route one to be secured", (t) => {
  const inText = `       desc: |\n${commentedOut().replaceAll("#", "         #")}`;
  const before = file(
    `     - id: in-a-text\n${inText}`,
    route("commented-out-route-below", "") +
      `#     - id: disabled\n#       plugins:\n${commentedOut()}#         proxy-rewrite: {}\n`,
    route("prose", "         # openid-connect: ask the security team\n"),
    route("unreadable", "#         openid-connect:\n#           realm: [\n"),
  );
  const { text, routes } = rewrite(before, { plugins });
  t.is(text, before);
  t.deepEqual(said(routes), [
    "open in-a-text: it has no commented-out block",
    "open commented-out-route-below: it has no commented-out block",
    "open prose: it has no commented-out block",
    "open unreadable: its commented-out block is for no realm and no client",
  ]);
});

test("blocks that an editor commented out are found as well", (t) => {
  const indented = commentedOut()
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^# ( *)/, "$1# "))
    .join("\n");
  t.is(rewrite(file(route("a", `${indented}\n`)), { plugins }).routes[0]?.state, "secured");
});

test("an anchored block that routes refer to is replaced at each of them", (t) => {
  const top = `keycloakApisix:\n  expertflow: &ours\n    client_id: cim\n    realm: expertflow\n`;
  const alias = "         openid-connect: *ours # ours\n";
  const before = top + file(route("a", alias), route("b", alias));
  const { text } = rewrite(before, { plugins });
  for (const id of ["a", "b"]) t.deepEqual(pluginsOf(text, id), { ...plugins, ...parse(rewriting) });
  t.true(text.startsWith(top));
  const many = `x: &x 1\ny: &y [*x, *x]\nz: [${"*y, ".repeat(99)}]\n`;
  t.is(rewrite(many + before, { plugins }).text, many + text);
});

test("a block that takes its fields from elsewhere (<<) is the realm's and client's that they name", (t) => {
  const top = `base: &base ${JSON.stringify(plugins["openid-connect"])}\n`;
  const merged = (field: string) =>
    `         openid-connect:\n           <<: *base\n           client_secret: ${field}\n`;
  const before = top + file(route("a", merged("the stack's")), route("b", merged("the earlier")));
  const { text, routes } = rewrite(before, { plugins });
  t.deepEqual(said(routes), ["secured a: ", "secured b: openid-connect replaced"]);
  for (const id of ["a", "b"]) t.deepEqual(pluginsOf(text, id), { ...plugins, ...parse(rewriting) });
});

test("a change that anchors would carry further is refused", (t) => {
  const shared = route("a", commentedOut()).replace("plugins:", "plugins: &shared");
  const refers = "     - id: b-unsecured\n       plugins: *shared\n";
  t.throws(() => rewrite(file(shared, refers), { plugins }), {
    message: /anchors and aliases .* the plugins of route 'b-unsecured'$/,
  });
  const defines = route("a", live().replace("openid-connect:", "openid-connect: &block"));
  const uses = "     - id: b-unsecured\n       plugins:\n         openid-connect: *block\n";
  t.throws(() => rewrite(file(defines, uses), { plugins }), { message: /anchors and aliases/ });
});

const bad: readonly (readonly [title: string, text: string, message: RegExp, wanted?: Partial<Wanted>])[] = [
  ["an empty file", "", /no list apisixStandalone\.routes/],
  ["no apisixStandalone", "routes: []\n", /no list apisixStandalone\.routes/],
  ["routes that are no list", "apisixStandalone:\n  routes: {}\n", /no list apisixStandalone\.routes/],
  ["invalid YAML", `${shipped}   x: "\n`, /^it is not valid YAML at line \d+ \(/],
  ["two documents", `${shipped}---\na: 1\n`, /^it is not valid YAML at line \d+ \(multiple docs\)$/],
  ["a key twice", `a: 1\na: 2\n${shipped}`, /^it is not valid YAML at line 2 \(duplicate key\)$/],
  ["an alias without anchor", `a: *none\n${shipped}`, /refers to an anchor/],
  [
    "a template outside quotes",
    shipped.replaceAll('"{{ .Values.global.ingressRouter }}"', "{{ .Values.x }}"),
    /^line 6 has a Helm template outside quotes/,
  ],
  ["a template around lines", `{{- if .Values.x }}\n${shipped}{{- end }}\n`, /^line 1 has a Helm template/],
  ["an unknown route", shipped, /^it has no route 'cmm', 'x'$/, { named: ["ccm", "cmm", "x"] }],
  [
    "plugins in braces",
    file(`     - id: a\n       plugins: { cors: {} }\n`),
    /^the plugins of route 'a' are not/,
    { named: ["a"] },
  ],
  [
    "plugins written as null",
    file(`     - id: a\n       plugins: null\n`),
    /^the plugins of route 'a' are not/,
    { named: ["a"] },
  ],
  ["a route in braces", file(`     - { id: a }\n`), /^the plugins of route 'a' are not/, { named: ["a"] }],
];
for (const [title, text, message, wanted] of bad) {
  test(`refused in words, without a line of the file: ${title}`, (t) => {
    const error = t.throws(() => rewrite(text, { plugins, ...wanted }), { message });
    t.notRegex(error.message, /shipped|\n/);
  });
}
