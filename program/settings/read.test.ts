// The settings that each realm gets, and the errors about wrong ones.
import * as pulumi from "@pulumi/pulumi";
import test from "ava";
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
  customerUsername: "customer",
  customerProfile: undefined,
  cxVersion: undefined,
  ownRealm: false,
  verifyToken: true,
  apisixDiscoveryBase: undefined,
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
    const says = "apisixDiscoveryBase must be Keycloak's address as APISIX reaches it";
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
    "customerpassword is not a setting. Settings with a similar name: 'customerPassword'. Correct the name, or take it " +
      "out: npm run pulumi -- config rm customerpassword --stack dev",
  ],
  [
    { banana: "yes" },
    "banana is not a setting. Correct the name, or take it out: npm run pulumi -- config rm banana --stack dev",
  ],
  [
    { tenants: '[{ customerPassword: "secret" }]' },
    "tenants must be a list of objects, each with its 'realm'.",
  ],
  [{ tenants: '["a"]' }, "tenants[0] must be an object with at least 'realm'."],
  [{ tenants: '[{ "client": "cim" }]' }, "tenants[0].realm is missing: the tenant's id."],
  [{ tenants: '[{ "realm": "a", "cxVersion": 4.2 }]' }, "tenants[0].cxVersion must be a string, in quotes."],
  [
    { tenants: '[{ "realm": "a" }, { "realm": "b", "maxConcurrentRequests": 5 }]' },
    "tenants[1] has an unknown key 'maxConcurrentRequests': a tenant takes realm, client, customerUsername, " +
      "customerPassword, customerProfile, cxVersion, ownRealm, verifyToken, apisixDiscoveryBase.",
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

test.serial("elsewhere than on stack dev a password must be given, and as a secret", async (t) => {
  await configure({}, { stack: "production" });
  t.throws(readSettings, { message: /^keycloak-apisix:customerPassword is missing, .*--secret/ });
  await configure({ customerPassword: "customer" }, { stack: "production", secrets: [] });
  t.throws(readSettings, { message: /^keycloak-apisix:customerPassword holds a password in the clear/ });
  const tenants = JSON.stringify([{ realm: "a", customerPassword: "customer" }]);
  await configure({ tenants }, { stack: "production", secrets: [] });
  t.throws(readSettings, { message: /^keycloak-apisix:tenants holds a password in the clear/ });
  await configure({ customerPassword: "customer" }, { stack: "dev", secrets: [] });
  t.notThrows(readSettings);
});
