// The settings that each realm gets, and the errors about wrong ones.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import test, { type ExecutionContext } from "ava";
import { readSettings } from "./read.ts";

const secretsAllowed = ["customerPassword", "tenants"].map((key) => `keycloak-apisix:${key}`);

/** Sets the whole configuration of stack `dev` or of another one. */
async function configure(config: Record<string, string>, { stack = "dev", secrets = secretsAllowed } = {}) {
  const mocks: pulumi.runtime.Mocks = { newResource: () => ({ id: "", state: {} }), call: () => ({}) };
  await pulumi.runtime.setMocks(mocks, "keycloak-apisix", stack);
  const all = Object.entries(config).map(([key, value]) => [`keycloak-apisix:${key}`, value]);
  pulumi.runtime.setAllConfig(Object.fromEntries(all), secrets);
}

async function read(config: Record<string, string>, options?: Parameters<typeof configure>[1]) {
  await configure(config, options);
  return readSettings().map(({ customerPassword: _customerPassword, ...rest }) => rest);
}

const defaults = {
  realm: "expertflow",
  client: "cim",
  customer: true,
  keepCustomerPassword: false,
  gatewayScope: undefined,
  accessTokenLifespan: 0,
  apiUsers: [],
  customerUsername: "customer",
  customerProfile: undefined,
  cxVersion: undefined,
  ownRealm: false,
  verifyToken: true,
  apisixDiscoveryBase: undefined,
  tokenBase: undefined,
  authorizedRequests: undefined,
};

test.serial("without configuration, stack dev has one realm with the defaults", async (t) => {
  t.deepEqual(await read({}), [defaults]);
});

test.serial("an empty value means that the setting is not set", async (t) => {
  const empty = { realm: "", cxVersion: "", customerProfile: "{}", tenants: "[]", apisixDiscoveryBase: "" };
  t.deepEqual(await read(empty), [defaults]);
});

test.serial("a tenant takes from the top level what it leaves out, and no more", async (t) => {
  const tenants = [
    { realm: "a" },
    { realm: "b", client: "other", verifyToken: true, apisixDiscoveryBase: "", customerProfile: {} },
  ];
  const settings = await read({
    client: "common",
    verifyToken: "false",
    apisixDiscoveryBase: "http://kc",
    customerProfile: '{ "email": "a@b.example" }',
    tenants: JSON.stringify(tenants),
  });
  const common = { ...defaults, client: "common", verifyToken: false };
  t.deepEqual(settings, [
    { ...common, realm: "a", apisixDiscoveryBase: "http://kc", customerProfile: { email: "a@b.example" } },
    { ...defaults, realm: "b", client: "other" },
  ]);
});

test.serial("in a tenant, too, an empty value means the default", async (t) => {
  const empty = { client: "", cxVersion: "", verifyToken: "", ownRealm: null, customerUsername: null };
  const tenants = [
    { realm: "a", ...empty, customerPassword: "", apisixDiscoveryBase: "", customerProfile: {} },
  ];
  const settings = await read(
    {
      client: "common",
      customerUsername: "common",
      cxVersion: "4.9.4",
      verifyToken: "false",
      ownRealm: "true",
      apisixDiscoveryBase: "http://kc",
      customerProfile: '{ "email": "a@b.example" }',
      tenants: JSON.stringify(tenants),
    },
    { secrets: [] },
  );
  t.deepEqual(settings, [{ ...defaults, realm: "a" }]);
});

const addresses = {
  good: ["http://kc", "https://kc.example.com/auth", "http://keycloak.ef-external.svc:8080/auth/"],
  bad: [
    "kc.example.com/auth",
    "kc:8080",
    "/auth",
    "http:kc",
    "ftp://kc/auth",
    "https://admin:secret@kc/auth",
    "http://kc/auth?",
    "http://kc/auth#top",
    "http://kc/auth realm",
    " http://kc/auth",
    "http://kc/auth/realms/expertflow",
    "http://kc/auth/realms",
  ],
};

test.serial("an address must be one that a realm's address can be made of", async (t) => {
  for (const address of addresses.good) {
    t.deepEqual(await read({ apisixDiscoveryBase: address }), [
      { ...defaults, apisixDiscoveryBase: address },
    ]);
  }
  for (const address of addresses.bad) {
    const says = "apisixDiscoveryBase must be an address of Keycloak, like";
    await configure({ apisixDiscoveryBase: address });
    const { message } = t.throws(readSettings, { instanceOf: pulumi.RunError }, address);
    t.true(message.startsWith(`keycloak-apisix:${says}`) && !message.includes("secret"), message);
    await configure({ tenants: JSON.stringify([{ realm: "a", apisixDiscoveryBase: address }]) });
    t.true(t.throws(readSettings).message.startsWith(`keycloak-apisix:tenants[0].${says}`), address);
  }
});

const refused: [config: Record<string, string>, says: string][] = [
  [{ verifyToken: "perhaps" }, 'verifyToken must be a boolean, true or false, not "perhaps".'],
  [
    { customerProfile: '["secret"]' },
    "customerProfile must be an object of profile attributes and their values, each a string.",
  ],
  [
    { customerpassword: "secret" },
    "customerpassword is not a setting. Settings with a similar name: 'customerPassword', 'keepCustomerPassword', 'customer'. Correct the name, or take it " +
      "out: npm run pulumi -- config rm customerpassword --stack dev",
  ],
  [
    { banana: "yes" },
    "banana is not a setting. Correct the name, or take it out: npm run pulumi -- config rm banana --stack dev",
  ],
  [{ authorizedRequests: '"GET /x"' }, "authorizedRequests must be a list of strings."],
  [
    { tenants: '[{ customerPassword: "secret" }]' },
    "tenants must be a list of objects, each with its 'realm'.",
  ],
  [{ tenants: '["a"]' }, "tenants[0] must be an object with at least 'realm'."],
  [{ tenants: '[{ "client": "cim" }]' }, "tenants[0].realm is missing: the tenant's id."],
  [
    { tenants: '[{ "realm": "a", "cxVersion": 4.1 }]' },
    'tenants[0].cxVersion must be a string, in quotes, like "4.10": without them YAML reads 4.10 as 4.1.',
  ],
  [{ tenants: '[{ "realm": 4711 }]' }, "tenants[0].realm must be a string, in quotes."],
  [
    { tenants: '[{ "realm": "a" }, { "realm": "b", "maxConcurrentRequests": 5 }]' },
    "tenants[1] has an unknown key 'maxConcurrentRequests': a tenant takes realm, client, customer, " +
      "customerUsername, customerPassword, keepCustomerPassword, customerProfile, cxVersion, gatewayScope, " +
      "accessTokenLifespan, apiUsers, ownRealm, verifyToken, apisixDiscoveryBase, tokenBase, " +
      "authorizedRequests.",
  ],
  [
    { apiUsers: '[{ "username": "connector", "password": "s", "rolls": [] }]' },
    "apiUsers must be a list of objects, each with 'username', 'password' and, if wanted, 'roles' (a list) and " +
      "'profile' (as customerProfile).",
  ],
  [
    { apiUsers: '[{ "username": "customer", "password": "customer" }]' },
    "apiUsers names user 'customer' twice: each user is one.",
  ],
  [
    { tenants: '[{ "realm": "a" }, { "realm": "a" }]' },
    "tenants names realm 'a' twice: each realm is one tenant.",
  ],
];

for (const [config, says] of refused) {
  test.serial(`refused: ${says}`, async (t) => {
    await configure(config);
    t.throws(readSettings, { instanceOf: pulumi.RunError, message: `keycloak-apisix:${says}` });
  });
}

test.serial("without a customer no password is needed; that of an API user must be a secret", async (t) => {
  await configure({ customer: "false" }, { stack: "production" });
  t.is(readSettings()[0]?.customerPassword, undefined);
  const apiUsers = JSON.stringify([{ username: "connector", password: "s", roles: ["admin"] }]);
  await configure({ customer: "false", apiUsers }, { stack: "production" });
  t.throws(readSettings, {
    message: /^keycloak-apisix:apiUsers is in the clear: encrypt it with npm run pulumi/,
  });
  await configure(
    { customer: "false", apiUsers },
    { stack: "production", secrets: ["keycloak-apisix:apiUsers"] },
  );
  t.like(readSettings()[0]?.apiUsers[0], { username: "connector", roles: ["admin"] });
});

test.serial("elsewhere than on stack dev a password must be given, and as a secret", async (t) => {
  const set = (what: string) => `npm run pulumi -- config set --secret ${what} --stack production`;
  const refusedFor = async (config: Record<string, string>, secrets: string[], message: string) => {
    await configure(config, { stack: "production", secrets });
    t.throws(readSettings, { message: `keycloak-apisix:${message}` });
  };
  const tenants = JSON.stringify([{ realm: "a", customerPassword: "customer" }]);
  const missing = `customerPassword is missing, and has no default: set it with ${set("customerPassword")}`;
  await refusedFor({}, [], missing);
  await refusedFor({ tenants: '[{ "realm": "a" }]' }, [], `tenants[0].${missing}`);
  await refusedFor(
    { customerPassword: "customer", tenants: '[{ "realm": "a", "customerPassword": "" }]' },
    secretsAllowed,
    `tenants[0].customerPassword is missing, and has no default: set it with ${set("--path 'tenants[0].customerPassword'")}`,
  );
  const encrypt = (what: string) => `${what} is in the clear: encrypt it with ${set(what)}`;
  await refusedFor({ customerPassword: "customer" }, [], encrypt("customerPassword"));
  await refusedFor({ tenants }, [], encrypt("tenants"));
  await configure({ customerPassword: "customer" }, { stack: "dev", secrets: [] });
  t.notThrows(readSettings);
});

/** Where a test may write the stack's file. */
async function stackFile(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "stack-file-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = path.join(folder, "Pulumi.production.yaml");
  process.env.PULUMI_OPTION_CONFIG_FILE = file;
  t.teardown(() => delete process.env.PULUMI_OPTION_CONFIG_FILE);
  return file;
}

test.serial(
  "a text that YAML takes for something else is refused, whatever Pulumi makes of it",
  async (t) => {
    const file = await stackFile(t);
    for (const [key, written, text, says] of [
      [
        "cxVersion",
        "4.10",
        "4.1",
        /^keycloak-apisix:cxVersion must be a string, in quotes, like "4\.10": without/,
      ],
      ["realm", "007", "7", /^keycloak-apisix:realm must be a string, in quotes\.$/],
      ["gatewayScope", "true", "true", /^keycloak-apisix:gatewayScope must be a string, in quotes\.$/],
    ] as const) {
      await configure({ [key]: text });
      await writeFile(file, `config:\n  keycloak-apisix:${key}: ${written}\n`);
      t.throws(readSettings, { instanceOf: pulumi.RunError, message: says });
      await writeFile(file, `config:\n  keycloak-apisix:${key}: "${text}"\n`);
      t.notThrows(readSettings);
    }
  },
);

test.serial("a password in the clear is found beside an encrypted one", async (t) => {
  const file = await stackFile(t);
  const tenants = ["a", "b"].map((realm) => ({ realm, customerPassword: `password of ${realm}` }));
  await configure({ tenants: JSON.stringify(tenants) }, { stack: "production" });
  const encrypted = { customerPassword: { secure: "v1:…" } };
  for (const key of ["keycloak-apisix:tenants", "tenants"]) {
    const write = (second: object) =>
      writeFile(file, JSON.stringify({ config: { [key]: [encrypted, second] } }));
    await write(tenants[1] ?? {});
    t.throws(readSettings, {
      message: `keycloak-apisix:tenants[1].customerPassword is in the clear: encrypt it with npm run pulumi -- config set --secret --path 'tenants[1].customerPassword' --stack production --config-file ${file}`,
    });
    await write(encrypted);
    t.notThrows(readSettings);
  }
});

test.serial("a profile is a secret if the configuration holds a secret where it stands", async (t) => {
  const customerProfile = '{ "email": "a@b.example" }';
  const tenants = '[{ "realm": "a" }, { "realm": "b", "customerProfile": { "email": "b@b.example" } }]';
  const areSecret = async (...secrets: string[]) => {
    await configure(
      { customerProfile, tenants },
      { secrets: secrets.map((key) => `keycloak-apisix:${key}`) },
    );
    return Promise.all(readSettings().map((each) => pulumi.isSecret(pulumi.output(each.customerProfile))));
  };
  t.deepEqual(await areSecret(), [false, false]);
  t.deepEqual(await areSecret("customerProfile"), [true, false]);
  t.deepEqual(await areSecret("tenants"), [false, true]);
});
