// Does introspection check the audience on this Keycloak, and is the operator told where it does not?
import test from "ava";
import { checksAudience } from "../../components/keycloak/audience-check.ts";
import { Sessions } from "../../components/keycloak/sessions.ts";
import { audienceMapper } from "../../components/kinds/audience-mapper.ts";
import { server, TestRealm } from "../../rig/keycloak/realm.ts";
import { connection } from "../support/engine.ts";

const checks = checksAudience(process.env.TEST_KEYCLOAK_VERSION ?? "");

async function makeRealm(): Promise<TestRealm> {
  const realm = await TestRealm.create();
  await realm.admin("POST", "/clients", { ...another, enabled: true, serviceAccountsEnabled: true });
  return realm;
}

const another = { clientId: "another", secret: "the-other-secret" };

async function ask(realm: TestRealm, endpoint: string, form: Record<string, string>) {
  const url = `${server.address}/realms/${realm.name}/protocol/openid-connect/${endpoint}`;
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
  return (await response.json()) as Record<string, unknown>;
}

test("a token of another client is introspected on those releases alone that do not check the audience", async (t) => {
  const realm = await makeRealm();
  t.teardown(() => realm.delete());
  const { access_token } = await ask(realm, "token", {
    grant_type: "client_credentials",
    client_id: another.clientId,
    client_secret: another.secret,
  });
  const { active } = await ask(realm, "token/introspect", {
    token: String(access_token),
    client_id: "cim",
    client_secret: "the-clients-secret",
  });
  t.is(active, !checks);
});

test("on those releases a new mapper brings one warning, whatever the number of realms; a known one brings none", async (t) => {
  const said: string[] = [];
  const sessions = new Sessions(
    (key) => connection[key],
    async (text) => {
      said.push(text);
    },
  );
  const realms = await Promise.all([makeRealm(), makeRealm()]);
  for (const { name } of realms) {
    t.teardown(() => new TestRealm(name).delete());
    const inputs = { realm: name, client: "cim", mapper: "fix-audience" };
    await audienceMapper.validate?.(sessions.realm(name), inputs, false);
    t.deepEqual(said.splice(0), []);
  }
  const closed = { realm: realms[0].name, client: "cim", mapper: "fix-audience", __gatewayScope: "gateway" };
  await audienceMapper.validate?.(sessions.realm(closed.realm), closed, true);
  t.deepEqual(said.splice(0), []);
  for (const { name } of realms) {
    const inputs = { realm: name, client: "cim", mapper: "fix-audience" };
    await audienceMapper.validate?.(sessions.realm(name), inputs, true);
  }
  // A text that is the same twice is printed once.
  const [text, ...others] = new Set(said);
  t.deepEqual(others, []);
  if (checks) t.is(text, undefined);
  else t.regex(text ?? "", /does not check the audience at introspection.* APISIX before 3\.12/);
});
