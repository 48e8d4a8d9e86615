// A setting changes: the preview shows the new one, and up applies and verifies it.
import test from "ava";
import { changeClient } from "../../rig/keycloak/by-hand.ts";
import { server } from "../../rig/keycloak/realm.ts";
import { AuthorizationServices, authorizationOn } from "../support/authorization.ts";
import { given, password, sameRealm, succeeded } from "../support/given.ts";

test.serial(
  "a changed password is shown in the preview, set by up, and then the only one that works",
  async (t) => {
    const { realm, stack } = await given(t);
    succeeded(t, await stack.up());
    await stack.set("customerPassword", "another password");
    const preview = await stack.preview("--diff");
    succeeded(t, preview);
    t.regex(preview.output, /\+ changed *: \[\s+\+ +\[0\]: "password"/);
    t.true(await realm.canLogIn(password), "a preview changes nothing");
    succeeded(t, await stack.up());
    t.true(await realm.canLogIn("another password"));
    t.false(await realm.canLogIn(password));
    succeeded(t, await stack.preview("--expect-no-changes"));

    // Another customer: the first one goes, because this stack created it.
    await stack.set("customerUsername", "Client2");
    succeeded(t, await stack.up());
    t.true(await realm.canLogIn("another password", "client2"));
    t.is(await realm.user("customer"), undefined);
    succeeded(t, await stack.preview("--expect-no-changes"));
  },
);

test.serial("role and role mappings come with CX 4.10.1, and go below it", async (t) => {
  const { realm, stack } = await given(t, { config: { cxVersion: "4.10.0" } });
  const roles = await realm.admin("GET", "/roles");
  succeeded(t, await stack.up());
  t.deepEqual(await realm.admin("GET", "/roles"), roles);
  const mapped = await realm.mappedRoles();
  t.false(mapped.includes("customer") || mapped.includes("offline_access"));
  t.is((await stack.outputs()).enablements[realm.name].roleId, undefined);

  await stack.set("cxVersion", "4.10.1");
  succeeded(t, await stack.up());
  t.deepEqual(
    (await realm.mappedRoles()).filter((name) => !mapped.includes(name)),
    ["customer", "offline_access", "uma_authorization"],
  );
  t.true((await stack.outputs()).enablements[realm.name].token.roles.includes("customer"));

  await stack.set("cxVersion", "4.10.0");
  succeeded(t, await stack.up());
  t.deepEqual(await realm.mappedRoles(), mapped);
  t.deepEqual(await realm.admin("GET", "/roles"), roles);
  t.true(await realm.canLogIn(password));
});

test.serial("without a token up fails and names the cause, and the next up continues", async (t) => {
  const { realm, stack } = await given(t, { client: { directAccessGrantsEnabled: false } });
  const before = await realm.snapshot();
  const failed = await stack.up();
  t.not(failed.exitCode, 0);
  t.regex(failed.output, /error: .*token for user 'customer' at client 'cim'.*does not allow direct grants/);
  t.notRegex(failed.output, /\n\s+at /);
  t.false(failed.output.includes(password) || failed.output.includes("the-clients-secret"));

  const preview = await stack.preview("--expect-no-changes");
  t.not(preview.exitCode, 0, "without a verified token there is still something to do");

  await changeClient(realm, { directAccessGrantsEnabled: true });
  succeeded(t, await stack.up());
  t.true(await realm.canLogIn(password));
  succeeded(t, await stack.preview("--expect-no-changes"));

  // Without the check up succeeds; when the check is back, it fails again.
  await changeClient(realm, { directAccessGrantsEnabled: false });
  await stack.set("verifyToken", "false");
  succeeded(t, await stack.up());
  t.is((await stack.outputs()).enablements[realm.name].token, undefined);
  await stack.set("verifyToken", "true");
  t.not((await stack.up()).exitCode, 0);
  await changeClient(realm, { directAccessGrantsEnabled: true });
  succeeded(t, await stack.destroy());
  sameRealm(t, await realm.snapshot(), { ...before, clients: (await realm.snapshot()).clients });
});

test.serial("refresh, --target and --replace lose nothing", async (t) => {
  const { realm, stack } = await given(t);
  const before = await realm.snapshot();
  succeeded(t, await stack.up());
  const enabled = await realm.snapshot();
  succeeded(t, await stack.run("refresh", "--yes", "--skip-preview"));
  succeeded(t, await stack.run("refresh", "--run-program", "--yes", "--skip-preview"));
  succeeded(t, await stack.up("--refresh"));
  sameRealm(t, await realm.snapshot(), enabled);

  const component = "urn:pulumi:test::keycloak-apisix::keycloak-apisix:index:ApisixEnablement";
  const urn = (type: string, child: string) =>
    `${component}$pulumi-nodejs:dynamic/keycloak-apisix:${type}::${realm.name}-${child}`;
  await realm.admin("DELETE", "/roles/customer");
  // A refresh records that the role is gone; the next up creates it again.
  succeeded(t, await stack.run("refresh", "--yes", "--skip-preview"));
  succeeded(t, await stack.up());
  t.truthy(await realm.role());
  t.true((await realm.mappedRoles()).includes("customer"));

  const user = await realm.user();
  succeeded(t, await stack.up("--replace", urn("User", "user")));
  t.is(
    (await realm.user()).id,
    user.id,
    "replacing adopts the user, and deleting the old resource leaves it",
  );
  t.true(await realm.canLogIn(password));
  succeeded(t, await stack.up("--target", urn("AudienceMapper", "audience")));
  succeeded(t, await stack.preview("--expect-no-changes"));
  succeeded(t, await stack.destroy());
  sameRealm(t, await realm.snapshot(), before);
});

test.serial(
  "a scope for the gateway, a lifespan and an API user: made, proven, and taken back by destroy",
  async (t) => {
    const { realm, stack } = await given(t, { client: { attributes: { "access.token.lifespan": "60" } } });
    await realm.admin("POST", "/roles", { name: "agent" });
    const snapshot = async () => ({
      ...(await realm.snapshot()),
      scopes: (await realm.admin("GET", "/client-scopes")).length,
    });
    const before = await snapshot();
    await stack.set("gatewayScope", "cx-gateway");
    await stack.set("accessTokenLifespan", "1800");
    const connector = { username: "connector", password: "The connector's 1", roles: ["agnet"] };
    await stack.set("apiUsers", JSON.stringify([connector]), "--secret");
    const misspelt = await stack.preview();
    t.regex(
      misspelt.output,
      /realm role 'agnet' to user 'connector' .* Realm roles with a similar name: 'agent'/,
    );
    await stack.set("apiUsers", JSON.stringify([{ ...connector, roles: ["agent"] }]), "--secret");
    succeeded(t, await stack.up());
    const { apisix, token, apiUsers } = (await stack.outputs()).enablements[realm.name];
    t.true(apisix["openid-connect"].required_scopes.includes("cx-gateway"));
    t.true(token.scopes.includes("cx-gateway"));
    t.true(apiUsers.connector.roles.includes("agent"));
    t.is((await realm.client()).attributes["access.token.lifespan"], "1800");
    t.true(await realm.canLogIn(connector.password, "connector"));
    succeeded(t, await stack.preview("--expect-no-changes"));
    succeeded(t, await stack.destroy());
    sameRealm(t, await snapshot(), before);
  },
);

test.serial(
  "what the customer must be allowed to do is proven, and APISIX gets the plugin for it",
  async (t) => {
    const { realm, stack } = await given(t, { client: authorizationOn });
    await realm.admin("POST", "/roles", { name: "customer" });
    await AuthorizationServices.fill(realm, "customer");
    const before = await realm.snapshot();
    const inner = `${server.otherUrl}${server.basePath}`;
    await stack.set("apisixDiscoveryBase", inner);
    await stack.setObject("authorizedRequests", ["POST /ccm/channels"]);
    const failed = await stack.up();
    t.not(failed.exitCode, 0);
    t.regex(
      failed.output,
      /authz-keycloak would refuse 'POST \/ccm\/channels' to user 'customer' .* 'agent'/,
    );
    t.notRegex(failed.output, /\n\s+at /);

    await stack.setObject("authorizedRequests", ["GET /ccm/channels"]);
    succeeded(t, await stack.up());
    const { apisix, token } = (await stack.outputs()).enablements[realm.name];
    t.like(token, {
      fetchedAt: `${inner}/realms/${realm.name}`,
      authorizedRequests: ["GET /ccm/channels"],
      lifespan: 300,
    });
    t.deepEqual(apisix["authz-keycloak"], {
      lazy_load_paths: true,
      http_method_as_scope: true,
      resource_registration_endpoint: `${inner}/realms/${realm.name}/authz/protection/resource_set`,
      discovery: `${inner}/realms/${realm.name}/.well-known/uma2-configuration`,
      client_id: "cim",
      client_secret: "the-clients-secret",
    });
    succeeded(t, await stack.preview("--expect-no-changes"));

    // Without the check, nothing may let requests through unasked either.
    await stack.set("verifyToken", "false");
    await changeClient(realm, {
      publicClient: true,
      serviceAccountsEnabled: false,
      authorizationServicesEnabled: false,
    });
    const unasked = await stack.up();
    t.not(unasked.exitCode, 0);
    t.regex(
      unasked.output,
      /authorizedRequests need APISIX's plugin authz-keycloak, and client 'cim' .* is public/,
    );
    succeeded(t, await stack.destroy());
    sameRealm(t, await realm.snapshot(), { ...before, clients: (await realm.snapshot()).clients });
  },
);

test.serial("without a customer only the mapper is made, and destroy takes it away", async (t) => {
  const { realm, stack } = await given(t, { config: { customer: "false" } });
  const before = await realm.snapshot();
  succeeded(t, await stack.up());
  t.truthy(await realm.mapper());
  t.is(await realm.user("customer"), undefined);
  succeeded(t, await stack.preview("--expect-no-changes"));
  succeeded(t, await stack.destroy());
  sameRealm(t, await realm.snapshot(), before);
});

test.serial(
  "a new customer beside the old one, and then in its place: nobody is locked out, nothing is left",
  async (t) => {
    const { realm, stack } = await given(t);
    const before = await realm.snapshot();
    succeeded(t, await stack.up());
    const next = {
      username: "customer-2",
      password: "The next one 2",
      roles: ["customer", "offline_access"],
    };
    await stack.set("apiUsers", JSON.stringify([next]), "--secret");
    succeeded(t, await stack.up());
    t.true((await realm.canLogIn(password)) && (await realm.canLogIn(next.password, next.username)));
    const { id } = await realm.user(next.username);

    await stack.set("customerUsername", next.username);
    await stack.set("customerPassword", next.password);
    await stack.run("config", "rm", "keycloak-apisix:apiUsers");
    succeeded(t, await stack.up());
    t.is((await realm.user(next.username)).id, id);
    t.true(await realm.canLogIn(next.password, next.username));
    t.is(await realm.user("customer"), undefined);
    t.true((await realm.mappedRoles(next.username)).includes("uma_authorization"));
    t.regex((await stack.outputs()).coreCustomValues, /value: "customer-2"[\s\S]*value: "The next one 2"/);
    succeeded(t, await stack.destroy());
    sameRealm(t, await realm.snapshot(), before);
  },
);
