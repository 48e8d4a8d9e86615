// The component with Pulumi's mocks: which children there are, and what they are called.
import * as pulumi from "@pulumi/pulumi";
import test from "ava";

const made: { type: string; name: string; inputs: Record<string, unknown> }[] = [];
await pulumi.runtime.setMocks(
  {
    newResource: ({ type, name, inputs }) => {
      made.push({ type, name, inputs });
      return {
        id: `${name}-id`,
        state: {
          ...inputs,
          uuid: `${name}-uuid`,
          adopted: false,
          changedAt: "now",
          clientSecret: "s",
          token: {},
          server: "http://kc/auth",
        },
      };
    },
    call: () => ({}),
  },
  "project",
  "stack",
);
const { ApisixEnablement, ApiUser } = await import("./index.ts");

const connector = { username: "connector", password: "its own", roles: ["admin", "default"] };
const childrenOf = (name: string) =>
  made.map((each) => each.name).filter((each) => each.startsWith(`${name}-`));
const value = <T>(output: pulumi.Output<T>) =>
  new Promise<T>((resolve) => output.apply((found) => resolve(found)));

test.serial("children, type token and outputs have their fixed names", async (t) => {
  const cx = new ApisixEnablement("cx", { realm: "r", customerPassword: "pw" });
  t.is(await value(cx.userId), "cx-user-uuid");
  t.is(await value(cx.roleId), "cx-role-uuid");
  t.is(
    (await value(cx.apisix))["openid-connect"].discovery,
    "http://kc/auth/realms/r/.well-known/openid-configuration",
  );
  t.deepEqual(Object.keys(await value(cx.adopted)).toSorted(), [
    "audience",
    "password",
    "role",
    "role-mappings",
    "user",
  ]);
  await value(cx.token);
  t.true(made.some(({ type, name }) => type === "keycloak-apisix:index:ApisixEnablement" && name === "cx"));
  t.deepEqual(
    childrenOf("cx").toSorted(),
    ["audience", "password", "role", "role-mappings", "token", "user"].map((child) => `cx-${child}`),
  );
});

test.serial("below CX 4.10.1 there are no role and no role mappings", async (t) => {
  const old = new ApisixEnablement("old", {
    realm: "r",
    customerPassword: "pw",
    cxVersion: "4.10.0",
    verifyToken: false,
  });
  t.is(await value(old.roleId), undefined);
  await value(old.adopted);
  t.deepEqual(childrenOf("old").toSorted(), ["old-audience", "old-password", "old-user"]);
});

test.serial("without a customer there is only the mapper", async (t) => {
  const api = new ApisixEnablement("api", { realm: "master", client: "multitenancy", customer: false });
  t.is(await value(api.userId), undefined);
  t.is(await value(api.token), undefined);
  t.deepEqual(await value(api.adopted), { audience: false });
  t.deepEqual(childrenOf("api"), ["api-audience"]);
});

test.serial("scope, lifespan and API users have their fixed names, and tokens of their own", async (t) => {
  const more = new ApisixEnablement("more", {
    realm: "r",
    customerPassword: "pw",
    gatewayScope: "cx-gateway",
    accessTokenLifespan: 1800,
    apiUsers: [connector],
  });
  t.deepEqual((await value(more.apisix))["openid-connect"].required_scopes, [
    "email",
    "profile",
    "cx-gateway",
  ]);
  t.deepEqual(Object.keys((await value(more.apiUsers)) ?? {}), ["connector"]);
  await value(more.token);
  const children = ["audience", "gateway-scope", "token-lifespan", "role"];
  const ofUsers = ["", "connector-"].flatMap((who) =>
    ["user", "password", "role-mappings", "token"].map((child) => `${who}${child}`),
  );
  t.deepEqual(
    childrenOf("more").toSorted(),
    [...children, ...ofUsers, "connector"].map((child) => `more-${child}`).toSorted(),
  );
  const token = made.find(({ name }) => name === "more-connector-token")?.inputs ?? {};
  t.like(token, { username: "connector", roles: ["admin", "default"], gatewayScope: "cx-gateway" });
});

test.serial("an empty argument means the default", async (t) => {
  for (const [name, nothing] of [
    ["text", ""],
    ["output", pulumi.output("")],
  ] as const) {
    const cx = new ApisixEnablement(name, {
      realm: "r",
      client: nothing,
      customerUsername: nothing,
      customerPassword: "pw",
      cxVersion: "",
      apisixDiscoveryBase: nothing,
      connection: "",
    });
    t.is(
      (await value(cx.apisix))["openid-connect"].discovery,
      "http://kc/auth/realms/r/.well-known/openid-configuration",
    );
    t.is(await value(cx.client), "cim");
    t.is(await value(cx.roleId), `${name}-role-uuid`);
    await value(cx.token);
    const token = made.find((each) => each.name === `${name}-token`)?.inputs ?? {};
    t.like(token, { client: "cim", username: "customer" });
    t.false("apisixDiscoveryBase" in token || "connection" in token, JSON.stringify(token));
  }
});

test.serial("an address that no realm's address can be made of is refused", (t) => {
  for (const address of ["kc/auth", "https://admin:secret@kc/auth", "http://kc/realms/r"]) {
    for (const name of ["apisixDiscoveryBase", "tokenBase"]) {
      const { message } = t.throws(
        () => new ApisixEnablement("c", { realm: "r", customerPassword: "pw", [name]: address }),
        { instanceOf: pulumi.ResourceError },
      );
      t.true(message.startsWith(`${name} must be an address of Keycloak, like http`), message);
      t.false(message.includes("secret"));
    }
  }
});

test.serial(
  "authorized requests bring authz-keycloak, and the customer's token has to prove them",
  async (t) => {
    const authorizedRequests = ["GET /ccm/channels"];
    const args = { realm: "r", customerPassword: "pw", tokenBase: "http://cx/auth", apiUsers: [connector] };
    const asked = new ApisixEnablement("asked", { ...args, authorizedRequests });
    const plugins = await value(asked.apisix);
    t.deepEqual(Object.keys(plugins), ["openid-connect", "authz-keycloak"]);
    t.like(plugins["authz-keycloak"], {
      discovery: "http://kc/auth/realms/r/.well-known/uma2-configuration",
      client_secret: "s",
    });
    await Promise.all([value(asked.token), value(asked.apiUsers)]);
    const inputsOf = (name: string) => made.find((each) => each.name === name)?.inputs ?? {};
    t.like(inputsOf("asked-token"), { authorizedRequests, tokenBase: "http://cx/auth" });
    t.is(inputsOf("asked-password").__neededBy, "CX's web-channel-manager (KEYCLOAK_PASSWORD_CUSTOMER)");
    t.is(inputsOf("asked-connector-password").__neededBy, undefined);
    const other = inputsOf("asked-connector-token");
    t.false("authorizedRequests" in other || "tokenBase" in other, JSON.stringify(other));

    const none = new ApisixEnablement("none", { ...args, authorizedRequests: [] });
    t.deepEqual(Object.keys(await value(none.apisix)), ["openid-connect"]);
  },
);

test.serial("a bad request is refused by name", (t) => {
  for (const [authorizedRequests, says] of [
    [["GET /ok", "GET ccm"], /^authorizedRequests has 'GET ccm', which is not a method/],
    [["FETCH /x"], /^authorizedRequests has 'FETCH \/x', which is not a method/],
    [["GET /x", "GET /x"], /^authorizedRequests has 'GET \/x' twice\.$/],
  ] as const) {
    t.throws(
      () =>
        new ApisixEnablement("d", {
          realm: "r",
          customerPassword: "pw",
          authorizedRequests: [...authorizedRequests],
        }),
      { instanceOf: pulumi.ResourceError, message: says },
    );
  }
});

test.serial("what an argument cannot be is refused by its type and, in JavaScript, by its name", (t) => {
  let count = 0;
  const refuses = (args: ConstructorParameters<typeof ApisixEnablement>[1], says: string) => {
    count += 1;
    const { message } = t.throws(() => new ApisixEnablement(`refused-${count}`, args), {
      instanceOf: pulumi.ResourceError,
    });
    t.true(message.startsWith(says), `${message}, not ${says}`);
  };
  const pw = { realm: "r", customerPassword: "pw" };
  // @ts-expect-error
  refuses(undefined, "arguments are missing: give at least realm.");
  // @ts-expect-error
  refuses({}, "realm is empty or undefined: see where the program takes it from.");
  // @ts-expect-error
  refuses({ ...pw, realm: undefined }, "realm is empty or undefined: see where the program takes it from.");
  // @ts-expect-error
  refuses({ ...pw, realm: 4711 }, "realm must be a string.");
  // @ts-expect-error
  refuses({ ...pw, client: 5 }, "client must be a string.");
  // @ts-expect-error
  refuses({ ...pw, customerPassword: 12345 }, "customerPassword must be a string.");
  // @ts-expect-error
  refuses({ ...pw, customer: "false" }, "customer must be true or false.");
  // @ts-expect-error
  refuses({ ...pw, customer: pulumi.output(false) }, "customer must be known at once");
  // @ts-expect-error
  refuses({ ...pw, cxVersion: 4.1 }, 'cxVersion must be a string, in quotes, like "4.10": without them YAML');
  // @ts-expect-error
  refuses({ ...pw, customerProfile: "a@b" }, "customerProfile must be an object of attributes");
  // @ts-expect-error
  refuses({ ...pw, customerProfile: { email: 5 } }, "customerProfile must be an object of attributes");
  // @ts-expect-error
  refuses({ ...pw, authorizedRequests: "GET /x" }, "authorizedRequests must be a list of strings.");
  // @ts-expect-error
  refuses({ ...pw, accessTokenLifespan: "1800" }, "accessTokenLifespan must be a whole number of seconds.");
  // @ts-expect-error
  refuses({ ...pw, tokenBase: 5 }, "tokenBase must be a string.");
  // @ts-expect-error
  refuses({ ...pw, apiUsers: connector }, "apiUsers must be a list of objects, each with its username.");
  // @ts-expect-error
  refuses({ ...pw, apiUsers: "" }, "apiUsers must be a list of objects");
  // @ts-expect-error
  refuses({ ...pw, apiUsers: [{ password: "pw" }] }, "apiUsers must be a list of objects");
  // @ts-expect-error
  refuses({ ...pw, apiUsers: [{ ...connector, roles: "admin" }] }, "roles must be a list of strings.");
  // @ts-expect-error
  t.throws(() => new ApiUser("none"), { message: "arguments are missing: give at least realm, username." });
});

test.serial("an unknown cxVersion and a missing password are refused, and the error names them", (t) => {
  t.throws(() => new ApisixEnablement("a", { realm: "r", customerPassword: "pw", cxVersion: "banana" }), {
    message: /Unknown cxVersion 'banana'/,
  });
  t.throws(() => new ApisixEnablement("b", { realm: "r", customerPassword: "" }), {
    message: /customerPassword is missing/,
  });
});
