// Bad input: the preview says in one clear sentence what is wrong, and nothing changes.
import test from "ava";
import { changeClient } from "../../rig/keycloak/by-hand.ts";
import { server } from "../../rig/keycloak/realm.ts";
import type { CliResult, TestStack } from "../../rig/pulumi/project.ts";
import {
  differences,
  type Given,
  given,
  password,
  sameRealm,
  succeeded,
  warnings,
} from "../support/given.ts";

interface BadInput {
  readonly what: string;
  /** What the sentence must say: what was attempted, on which object, and what to do. */
  readonly says: readonly RegExp[];
  readonly env?: Record<string, string | undefined>;
  readonly config?: Record<string, unknown>;
  readonly prepare?: (given: Given) => Promise<unknown>;
}

const wrongPassword = "not-the-admins-password";

const ofConnection: readonly BadInput[] = [
  {
    what: "server not reachable",
    env: { KEYCLOAK_URL: "http://127.0.0.1:18999" },
    says: [/127\.0\.0\.1:18999/, /cannot be reached/, /connection refused/, /keycloak:url/],
  },
  {
    what: "host unknown",
    env: { KEYCLOAK_URL: "http://keycloak.invalid" },
    says: [/keycloak\.invalid/, /cannot be reached/, /host/],
  },
  {
    what: "no address",
    env: { KEYCLOAK_URL: undefined },
    says: [/KEYCLOAK_URL/, /keycloak:url/],
  },
  {
    what: "wrong base path",
    env: { KEYCLOAK_BASE_PATH: "/wrong" },
    says: [/\/wrong/, /404/, /basePath/, /\/auth/],
  },
  {
    what: "wrong admin password",
    env: { KEYCLOAK_PASSWORD: wrongPassword },
    says: [/admin 'admin'/, /realm 'master'/, /answered 40[01]/, /Invalid user credentials/, /password/],
  },
  {
    what: "an admin's password in the clear in the config",
    env: { KEYCLOAK_PASSWORD: undefined },
    config: { "keycloak:password": "clear-admin-password" },
    says: [/keycloak:password/, /clear/, /--secret/],
  },
];

const ofRealm: readonly BadInput[] = [
  {
    what: "realm missing",
    config: { realm: "t-no-such-realm" },
    says: [/t-no-such-realm/, /not on Keycloak/],
  },
  {
    what: "client missing",
    config: { client: "cin" },
    says: [/'cin'/, /'cim'/],
  },
  {
    what: "client bearer-only",
    prepare: ({ realm }) =>
      realm.admin("POST", "/clients", { clientId: "bearer", bearerOnly: true, enabled: true }),
    config: { client: "bearer" },
    says: [/'bearer'/, /bearer-only/],
  },
];

const ofSettings: readonly BadInput[] = [
  { what: "an unknown cxVersion", config: { cxVersion: "banana" }, says: [/banana/, /4\.10\.1/] },
  {
    what: "a cxVersion without quotes",
    config: { cxVersion: 4.1 },
    says: [/keycloak-apisix:cxVersion/, /in quotes, like "4\.10"/],
  },
  {
    what: "what the CLI makes of it",
    config: { cxVersion: "4.1" },
    says: [/cxVersion "4\.1"/, /write "4\.10"/],
  },
  {
    what: "a tenant's cxVersion without quotes",
    config: { tenants: [{ realm: "a", cxVersion: 4.1 }] },
    says: [/keycloak-apisix:tenants\[0\]\.cxVersion/, /in quotes, like "4\.10"/],
  },
  {
    what: "a setting that is not a boolean",
    config: { verifyToken: "perhaps" },
    says: [/verifyToken/, /perhaps/],
  },
  {
    what: "a request that is none",
    config: { authorizedRequests: ["GET /ccm/channels", "FETCH /x"] },
    says: [/authorizedRequests/, /'FETCH \/x'/, /like 'GET \/ccm\/channels'/],
  },
  {
    what: "a request that is there twice",
    config: { authorizedRequests: ["GET /x", "GET /x"] },
    says: [/authorizedRequests has 'GET \/x' twice/],
  },
];

const malformedTenants: readonly (readonly [unknown, RegExp])[] = [
  ["acme", /tenants.*list/],
  [[{ client: "cim" }], /tenants\[0\].*realm/],
  [[{ realm: "a" }, { realm: "a" }], /'a' twice/],
  [[{ realm: "a", custumerPassword: "x" }], /unknown key 'custumerPassword'/],
  [[{ realm: "a", verifyToken: "yes" }], /tenants\[0\]\.verifyToken.*boolean/],
];

for (const [title, inputs] of [
  ["a connection that does not work", ofConnection],
  ["a realm or client that is missing or unusable", ofRealm],
  ["settings that make no sense", ofSettings],
] as const) {
  test.serial(`the preview refuses ${title}`, async (t) => {
    const situation = await given(t);
    const { realm } = situation;
    for (const { what, env = {}, config = {}, prepare, says } of inputs) {
      await prepare?.(situation);
      const before = await realm.snapshot();
      const stack = situation.stack.with(env);
      for (const [key, value] of Object.entries(config)) await stack.setObject(key, value);
      const preview = await stack.preview();
      refused(t, preview, says, what);
      sameRealm(t, await realm.snapshot(), before);
      for (const key of Object.keys(config)) await reset(stack, key, realm.name);
    }
  });
}

test.serial(
  "the preview refuses malformed tenants, and a password that is missing or in the clear",
  async (t) => {
    const { stack } = await given(t);
    for (const [tenants, says] of malformedTenants) {
      await stack.setObject("tenants", tenants);
      refused(t, await stack.preview(), [says], JSON.stringify(tenants));
    }
    await stack.set("tenants", '[{ "realm": "a", customerPassword: "secret-password" }]', "--secret");
    refused(t, await stack.preview(), [/tenants.*list/], "not JSON, and with a password in it");
    await stack.setObject("tenants", [{ realm: "a", customerPassword: "clear-password" }]);
    refused(
      t,
      await stack.preview(),
      [/customerPassword|tenants/, /clear/, /--secret/],
      "a tenant's password in the clear",
    );
    await stack.unset("tenants");
    await stack.setObject("customerPassword", "clear-password");
    refused(t, await stack.preview(), [/customerPassword/, /clear/, /--secret/], "in the clear");
    await stack.unset("customerPassword");
    refused(t, await stack.preview(), [/customerPassword/, /missing/, /--secret/], "missing");
  },
);

test.serial("the preview refuses an admin without the necessary rights, and names them", async (t) => {
  const { realm, stack } = await given(t);
  await realm.admin("POST", "/users", {
    username: "clerk",
    enabled: true,
    email: "clerk@example.com",
    emailVerified: true,
    firstName: "A",
    lastName: "Clerk",
    credentials: [{ type: "password", value: "clerks-password", temporary: false }],
  });
  const before = await realm.snapshot();
  const clerk = stack.with({
    KEYCLOAK_REALM: realm.name,
    KEYCLOAK_USER: "clerk",
    KEYCLOAK_PASSWORD: "clerks-password",
  });
  const says = [/'clerk'/, /manage-users/, /manage-clients/];
  refused(t, await clerk.preview(), [...says, /403|cannot be read/], "no rights at all");

  // With the rights to see everything and change nothing.
  const management = await realm.client("realm-management");
  const viewer = await realm.admin("GET", `/clients/${management.id}/roles`);
  const { id } = await realm.user("clerk");
  await realm.admin(
    "POST",
    `/users/${id}/role-mappings/clients/${management.id}`,
    viewer.filter(({ name }: { name: string }) => /^(view|query)-/.test(name)),
  );
  refused(t, await clerk.preview(), says, "only reading");
  await realm.admin(
    "DELETE",
    `/users/${id}/role-mappings/clients/${management.id}`,
    viewer.filter(({ name }: { name: string }) => /^(view|query)-/.test(name)),
  );
  // Each login of an admin leaves a session, as with every tool.
  const changes = differences(before, await realm.snapshot()).filter((path) => !path.includes("sessions"));
  t.deepEqual(changes, []);
});

test.serial("a public client causes a warning only, and works", async (t) => {
  const { realm, stack } = await given(t);
  await changeClient(realm, { publicClient: true });
  const up = await stack.up();
  succeeded(t, up);
  const said = warnings(up.output).filter((warning) => /public/.test(warning));
  t.is(said.length, 1, up.output);
  t.regex(said[0] ?? "", /introspect/);
  t.like((await stack.outputs()).enablements[realm.name].apisix["openid-connect"], {
    client_secret: "",
    use_jwks: true,
  });
});

/** Checks for a failure in one sentence, said once, without stack trace or secret. */
function refused(
  t: Parameters<typeof succeeded>[0],
  { exitCode, output }: CliResult,
  says: readonly RegExp[],
  what: string,
): void {
  t.not(exitCode, 0, what);
  // All words must be in one line, so that it is one sentence.
  const lines = output.split("\n").filter((line) => says.every((word) => word.test(line)));
  t.true(lines.length > 0, `${what}:\n${output}`);
  t.true(
    new Set(lines.map((line) => line.replace(/^.*?error: /, "").trim())).size === 1,
    `${what}:\n${output}`,
  );
  // The CLI prints a failure as progress, and again under "Diagnostics".
  t.true(lines.length <= 2, `${what}, said ${lines.length} times:\n${output}`);
  t.notRegex(output, /\n\s+at /, what);
  t.notRegex(output, /unhandled|uncaught|node:internal|undefined/i, what);
  for (const secret of [
    password,
    server.password === "admin" ? wrongPassword : server.password,
    "clear-password",
    "secret-password",
    "clear-admin-password",
    "clerks-password",
  ]) {
    t.false(output.includes(secret), `${what}: a secret in\n${output}`);
  }
}

async function reset(stack: TestStack, key: string, realm: string): Promise<void> {
  if (key === "realm") await stack.setObject(key, realm);
  else await stack.unset(key);
}
