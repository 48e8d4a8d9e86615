// From the steps of a preview to the drift report: what drifted, what is not applied yet, what could not be checked.
import { stripVTControlCharacters } from "node:util";
import test from "ava";
import {
  foreignNames,
  type PreviewStep,
  parsePreview,
  type ResourceReport,
  report,
  resultOf,
  type StackReport,
  said,
  whole,
} from "./report.ts";
import { stackText, summaryText } from "./text.ts";

const here = "http://keycloak.example.com/auth";
const serverOf = () => here;
type Values = Record<string, unknown>;

/** A step on one of our resources. */
function ours(
  type: string,
  op: string,
  news: Values | undefined,
  olds?: Values,
  outputs?: Values,
): PreviewStep {
  const token = `pulumi-nodejs:dynamic/keycloak-apisix:${type}`;
  const name = `r-${type.toLowerCase()}`;
  const state = (inputs: Values) => ({
    type: token,
    custom: true,
    parent: "urn:pulumi:s::p::keycloak-apisix:index:ApisixEnablement::r",
    inputs: { realm: "r", __provider: "text", ...inputs },
  });
  return {
    op,
    urn: `urn:pulumi:s::p::keycloak-apisix:index:ApisixEnablement$${token}::${name}`,
    ...(olds && { oldState: { ...state(olds), outputs: { server: here, ...outputs } } }),
    ...(news && { newState: state(news) }),
    detailedDiff: null,
  };
}

/** A step on a resource of @pulumi/keycloak. */
function client(op: string, fields: Record<string, [is: unknown, should: unknown]> = {}): PreviewStep {
  const token = "keycloak:openid/client:Client";
  const side = (index: 0 | 1) =>
    Object.fromEntries(Object.entries(fields).map(([field, pair]) => [field, pair[index]]));
  const state = { type: token, custom: true };
  return {
    op,
    urn: `urn:pulumi:s::p::${token}::r-cim`,
    ...(op !== "create" && { oldState: { ...state, inputs: { realmId: "r" }, outputs: side(0) } }),
    newState: { ...state, inputs: { realmId: "r", ...side(1) } },
    detailedDiff: Object.fromEntries(Object.keys(fields).map((field) => [field, { kind: "update" }])),
  };
}

const of = (...plain: PreviewStep[]) => report({ plain, serverOf });
const found = ({ drift, unapplied }: Partial<ResourceReport> = {}) => ({ drift, unapplied });
const drift = (fields: Record<string, string>) => ({ drift: fields, unapplied: undefined });
const unapplied = (plan: string, fields: Record<string, string> = {}) => ({
  drift: undefined,
  unapplied: { plan, fields },
});
const isMissing = { user: "missing" };

for (const [title, step, expected] of [
  ["an update with drift", ours("User", "update", { drift: isMissing }, {}), drift(isMissing)],
  ["an object to be created", ours("User", "create", { plan: "create" }), unapplied("create")],
  [
    "an object to be adopted, with what that puts right",
    ours("User", "create", { plan: "adopt", __trace: "an id", corrects: { email: "missing" } }),
    unapplied("adopt", { email: "missing" }),
  ],
  ["a resource that left the program", ours("RealmRole", "delete", undefined, {}), unapplied("delete")],
  [
    "a changed secret",
    ours("Password", "update", { password: "[secret]", changed: ["password"] }, { password: "[secret]" }),
    unapplied("update", { password: "changed in the configuration" }),
  ],
  [
    "a changed setting, and what the live object lacks of it",
    ours(
      "User",
      "update",
      { profile: { email: "new", team: "a" }, drift: { email: "differs" } },
      { profile: { email: "old", team: "a" } },
    ),
    unapplied("update", { profile: "changed in the configuration", email: "differs" }),
  ],
  [
    "a changed setting beside drift in another field",
    ours(
      "RoleMappings",
      "update",
      { roles: ["a", "b"], drift: { a: "not mapped", b: "not mapped" } },
      { roles: ["a"] },
    ),
    {
      drift: { a: "not mapped" },
      unapplied: { plan: "update", fields: { roles: "changed in the configuration", b: "not mapped" } },
    },
  ],
  [
    "another object, by a changed name",
    ours("User", "replace", { username: "b", corrects: { email: "missing" } }, { username: "a" }),
    unapplied("replace", { username: "changed in the configuration", email: "missing" }),
  ],
  [
    "another server: what is missing there is no drift",
    ours("User", "update", { drift: isMissing }, {}, { server: "http://before.example.com" }),
    unapplied("update", { server: `http://before.example.com, will be ${here}` }),
  ],
  [
    "a token that needs to be verified again",
    ours(
      "TokenCheck",
      "update",
      { __after: ["2"], client: "b", changed: ["client"] },
      { __after: ["1"], client: "a" },
    ),
    unapplied("update", { client: "changed in the configuration" }),
  ],
  [
    "an update that nothing explains is no silence",
    ours("AudienceMapper", "update", {}, {}),
    drift({
      state: "the live object is not the recorded one: somebody recreated it, or its client's secret changed",
    }),
  ],
  [
    "an operation that is not known is no silence",
    ours("User", "frobnicate", { drift: isMissing }, {}),
    drift(isMissing),
  ],
] as const) {
  test(title, (t) => {
    t.deepEqual(found(of(step)[0]), expected as never);
  });
}

test("what stays the same is not reported, whatever its inputs hold", (t) => {
  t.deepEqual(of(ours("User", "same", { drift: isMissing }, {})), []);
});

test("a replacement consists of three steps and is reported once", (t) => {
  const [news, olds] = [{ username: "b" }, { username: "a" }];
  const steps = [
    ours("User", "create-replacement", news, olds),
    ours("User", "replace", news, olds),
    ours("User", "delete-replaced", undefined, olds),
  ];
  t.deepEqual(of(...steps).map(found), [
    unapplied("replace", { username: "changed in the configuration" }) as never,
  ]);
});

test("resources are sorted by realm and name, whatever the CLI's order", (t) => {
  const name = ({ realm, name }: ResourceReport) => `${realm} ${name}`;
  const steps = [
    ours("User", "create", { realm: "b" }),
    ours("RealmRole", "create", { realm: "a" }),
    ours("AudienceMapper", "create", { realm: "b" }),
  ];
  t.deepEqual(of(...steps).map(name), ["a r-realmrole", "b r-audiencemapper", "b r-user"]);
});

test("while the realm is unknown, the component's name stands for it", (t) => {
  const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
  t.is(of(ours("User", "create", { realm: unknown }))[0]?.realm, "r");
  t.is(of(ours("User", "create", { realm: "known" }))[0]?.realm, "known");
  t.is(of(client("create"))[0]?.realm, "r");
  const unknownRealm = { type: "keycloak:openid/client:Client", custom: true, inputs: { realmId: unknown } };
  const dependencies = ["urn:pulumi:s::p::keycloak:index/realm:Realm::owned"];
  const known = { ...client("create"), newState: { ...unknownRealm, dependencies } };
  t.is(of(known)[0]?.realm, "owned");
  t.is(of({ ...client("create"), newState: unknownRealm })[0]?.realm, null);
});

const flow = { standardFlowEnabled: [true, false] } satisfies Record<string, [boolean, boolean]>;
const inWords = { standardFlowEnabled: "true, should be false" };
for (const [title, plain, refreshed, expected] of [
  ["changed in the realm", client("same"), client("update", flow), drift(inWords)],
  ["deleted in the realm", client("same"), client("create"), drift({ client: "missing" })],
  ["changed in the program", client("update", flow), client("update", flow), unapplied("update", inWords)],
  [
    "changed in both",
    client("update", { enabled: [true, false] }),
    client("update", { ...flow, enabled: [true, false] }),
    { ...drift(inWords), unapplied: { plan: "update", fields: { enabled: "true, should be false" } } },
  ],
  ["new in the program", client("create"), client("create"), unapplied("create")],
  [
    "not compared, and changed in the program",
    client("update", flow),
    undefined,
    unapplied("update", inWords),
  ],
] as const) {
  test(`a resource of another provider: ${title}`, (t) => {
    const all = report({ plain: [plain], refreshed: refreshed && [refreshed], serverOf });
    t.deepEqual(all.map(found), [expected as never]);
  });
}

test("the report shows only booleans and numbers of other providers' resources, never text", (t) => {
  const fields = { password: ["theirs", "ours"], lifespan: [1, 2], "smtp.auth": ["x", "y"] } as const;
  const step = client("update", fields as never);
  const all = report({ plain: [client("same")], refreshed: [step], serverOf });
  t.deepEqual(found(all[0]), {
    drift: {
      password: "differs from the program",
      lifespan: "1, should be 2",
      "smtp.auth": "differs from the program",
    },
    unapplied: undefined,
  });
});

test("only other providers' resources that are in the state need a refresh", (t) => {
  const provider = { ...client("same"), urn: "urn:pulumi:s::p::pulumi:providers:keycloak::default" };
  const type = "pulumi:providers:keycloak";
  const steps = [
    ours("User", "same", {}, {}),
    client("same"),
    { ...provider, newState: { type, custom: true } },
  ];
  t.deepEqual(foreignNames(steps), ["r-cim"]);
  t.deepEqual(foreignNames([client("create")]), []);
});

test("output that is not a preview is not read as one, and each message is repeated once", (t) => {
  t.is(parsePreview(""), undefined);
  t.is(parsePreview("error: no stack named 'x' found"), undefined);
  const message = "error: it failed\n";
  const text = `a line of the program's\n${JSON.stringify({
    diagnostics: [
      { severity: "error", message },
      { severity: "error", message },
    ],
  })}`;
  const preview = parsePreview(text);
  t.deepEqual(preview?.steps, []);
  t.deepEqual(preview && said("error", preview), ["it failed"]);
});

const stack = (result: Partial<StackReport>): StackReport => {
  const rest = { stack: "s", warnings: [], resources: [], notCompared: [], ...result };
  return { ...rest, result: resultOf(rest) };
};
const user = { realm: "r", name: "r-user", type: "pulumi-nodejs:dynamic/keycloak-apisix:User" };
const stacks = {
  clean: stack({ stack: "clean" }),
  unapplied: stack({
    stack: "waiting",
    resources: [{ ...user, unapplied: { plan: "adopt", fields: { email: "missing" } } }],
  }),
  drift: stack({
    stack: "drifted",
    resources: [
      { ...user, drift: { enabled: "false, should be true" } },
      { ...user, name: "r-role", unapplied: { plan: "create", fields: {} } },
    ],
  }),
  unknown: stack({ stack: "lost", error: "Keycloak cannot be reached." }),
};

test("an unchecked stack outweighs drift, drift outweighs changes not applied yet, and those outweigh clean", (t) => {
  const { clean, unapplied, drift, unknown } = stacks;
  t.is(whole([clean]).result, "clean");
  t.is(whole([clean, unapplied]).result, "unapplied");
  t.is(whole([unapplied, drift, clean]).result, "drift");
  t.is(whole([clean, unknown, drift]).result, "unknown");
});

test("the text names stack, realm, resource, field and words", (t) => {
  const text = (each: StackReport) => stripVTControlCharacters(stackText(each));
  t.is(text(stacks.clean), "Stack clean: clean");
  t.is(text(stacks.unknown), "Stack lost: could not be checked\n  Keycloak cannot be reached.");
  t.is(
    text(stacks.drift),
    `Stack drifted: drift
  Realm r
    r-user  drift            enabled: false, should be true
    r-role  not yet applied  will be created`,
  );
  t.is(
    text(stacks.unapplied),
    `Stack waiting: not yet applied
  Realm r
    r-user  not yet applied  will be adopted
            not yet applied  email: missing`,
  );
  t.is(
    stripVTControlCharacters(summaryText(whole(Object.values(stacks)))),
    `4 stacks: 1 drift, 1 not yet applied, 1 could not be checked, 1 clean
  npm run pulumi -- up --stack drifted
  npm run pulumi -- up --stack waiting`,
  );
});
