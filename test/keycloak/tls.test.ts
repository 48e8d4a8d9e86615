// Keycloak over https: a private authority that is known, one that is not, and redirects, which never carry
// credentials to another host. The test puts a TLS proxy of its own in front of the real Keycloak.
import { createServer } from "node:http";
import test from "ava";
import { makeAuthority } from "../../rig/servers/authority.ts";
import { Corner, deleteRealm, sharedRealm } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";
import { listening, tlsProxy, toKeycloak } from "../support/tls.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

test.serial(
  "https with a private authority: trusted if configured, refused if unknown or wrong",
  async (t) => {
    const corner = await Corner.of(t);
    const [authority, other] = await Promise.all([makeAuthority(), makeAuthority()]);
    const url = await tlsProxy(t, authority);
    const secure = { ...connection, "keycloak:url": url };

    const stack = new Stack({ ...secure, "keycloak:rootCaCertificate": authority.certificate });
    await stack.up(...corner.all());
    t.deepEqual(await stack.preview(...corner.all()), []);

    for (const config of [secure, { ...secure, "keycloak:rootCaCertificate": other.certificate }]) {
      stack.config = config;
      const error = await t.throwsAsync(stack.preview(...corner.all()));
      t.regex(
        error.message,
        /cannot be reached \(its certificate comes from an unknown authority: set rootCaCertificate\)/,
      );
      await t.throwsAsync(stack.destroy(), { message: /unknown authority/ });
    }
    t.truthy(await corner.user(), "a destroy that cannot look removes nothing");

    stack.config = { ...secure, "keycloak:tlsInsecureSkipVerify": "true" };
    t.deepEqual(await stack.preview(...corner.all()), []);
    await stack.destroy();
    t.is(await corner.user(), undefined);
  },
);

test.serial("a certificate for another host is refused, and the error says so", async (t) => {
  const corner = await Corner.of(t);
  const authority = await makeAuthority();
  const url = await tlsProxy(t, authority, "keycloak.example.org");
  const stack = new Stack({
    ...connection,
    "keycloak:url": url,
    "keycloak:rootCaCertificate": authority.certificate,
  });
  await t.throwsAsync(stack.preview(corner.audience()), { message: /its certificate is for another host/ });
});

for (const status of [301, 302, 307, 308]) {
  test.serial(`a redirect (${status}) is an error, and nothing is sent to its target`, async (t) => {
    const corner = await Corner.of(t);
    const arrived: string[] = [];
    const elsewhere = createServer(({ url, headers }, answer) => {
      arrived.push(`${url} ${headers.authorization}`);
      answer.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
    const target = `http://127.0.0.1:${await listening(t, elsewhere)}`;
    let redirect = /./;
    const before = createServer((incoming, outgoing) => {
      if (!redirect.test(incoming.url ?? "")) return toKeycloak(incoming, outgoing);
      incoming.resume();
      outgoing.writeHead(status, { location: `${target}${incoming.url}` }).end();
    });
    const url = `http://localhost:${await listening(t, before)}`;
    const stack = new Stack({ ...connection, "keycloak:url": url });

    // First every request is redirected, then only those after the login, then only the one with the customer's
    // password.
    for (redirect of [/./, /\/admin\//]) {
      const error = await t.throwsAsync(stack.preview(...corner.all()));
      t.true(error.message.includes(`the server redirects (${status} to ${target})`), error.message);
    }
    redirect = new RegExp(`${corner.realm.name}/protocol/openid-connect/token`);
    await corner.makeUser();
    await t.throwsAsync(stack.up(corner.tokenCheck()), { message: /a token for .* the server redirects/ });
    t.deepEqual(arrived, []);
  });
}
