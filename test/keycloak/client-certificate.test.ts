// A proxy in front of Keycloak that lets in only whom it knows: by a client's certificate (the proxy is an Apache), or by
// a header. Nobody else gets to see either.
import { createServer, type IncomingMessage } from "node:http";
import https from "node:https";
import { TLSSocket } from "node:tls";
import test, { type ExecutionContext } from "ava";
import { server } from "../../rig/keycloak/realm.ts";
import { ensureApache, RunningApache } from "../../rig/servers/apache.ts";
import { type Authority, makeAuthority } from "../../rig/servers/authority.ts";
import { Corner, deleteRealm, sharedRealm } from "../support/corner.ts";
import { connection, Stack } from "../support/engine.ts";
import { listening, toKeycloak } from "../support/tls.ts";

const apache = await ensureApache().catch((error) => {
  // CI's machine can fetch Apache, so there a missing one is a failure.
  if (process.env.CI) throw error;
  return undefined;
});

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

/** @returns the address of the real Keycloak behind an Apache that asks for a certificate of this authority */
async function askingProxy(t: ExecutionContext, authority: Authority, protocol: string): Promise<string> {
  const { certFile, keyFile } = await authority.issue("localhost");
  if (!apache) throw new Error("There is no Apache.");
  const proxy = await RunningApache.start(
    apache,
    ["ssl"],
    () => `
<VirtualHost *>
  SSLEngine on
  SSLProtocol ${protocol}
  SSLCertificateFile "${certFile}"
  SSLCertificateKeyFile "${keyFile}"
  SSLCACertificateFile "${authority.certificateFile}"
  SSLVerifyClient require
  ProxyPreserveHost On
  ProxyPass "/" "${server.url}/"
</VirtualHost>
`,
  );
  t.teardown(() => proxy.stop());
  return `https://localhost:${proxy.port}`;
}

/** Another way to the real Keycloak, which notes what it is shown. */
async function elsewhere(t: ExecutionContext, authority: Authority) {
  const shown = { requests: 0, certificates: 0, headers: new Set<string>() };
  const { key, cert } = await authority.issue("localhost");
  const options = { key, cert, ca: authority.certificate, requestCert: true, rejectUnauthorized: false };
  const other = https.createServer(options, (incoming, outgoing) => {
    const { socket } = incoming;
    shown.requests += 1;
    if (socket instanceof TLSSocket && socket.getPeerCertificate().subject) shown.certificates += 1;
    for (const name of Object.keys(incoming.headers)) shown.headers.add(name);
    toKeycloak(incoming, outgoing);
  });
  return { shown, url: `https://localhost:${await listening(t, other)}` };
}

const withApache = apache ? test.serial : test.serial.skip;

for (const protocol of ["TLSv1.2", "TLSv1.3"]) {
  withApache(`a proxy that asks for a client's certificate (${protocol})`, async (t) => {
    const corner = await Corner.of(t);
    const [authority, other] = await Promise.all([makeAuthority(), makeAuthority()]);
    const [url, ours, theirs] = await Promise.all([
      askingProxy(t, authority, protocol),
      authority.issue("the-job"),
      other.issue("the-job"),
    ]);
    const secure = {
      ...connection,
      "keycloak:url": url,
      "keycloak:rootCaCertificate": authority.certificate,
    };
    const shows = ({ cert, key }: typeof ours) => ({
      "keycloak:tlsClientCertificate": cert,
      "keycloak:tlsClientPrivateKey": key,
    });
    const stack = new Stack({ ...secure, ...shows(ours) });
    await stack.up(...corner.all(), corner.tokenCheck());
    t.deepEqual(await stack.preview(...corner.all(), corner.tokenCheck()), []);

    for (const config of [secure, { ...secure, ...shows(theirs) }]) {
      stack.config = config;
      const error = await t.throwsAsync(stack.preview(...corner.all()));
      t.regex(
        error.message,
        protocol === "TLSv1.3"
          ? /cannot be reached \(connection closed; if it asks for a client's certificate, set tlsClientCertificate/
          : /cannot be reached \(it refuses the TLS handshake; if it asks for a client's certificate, set tlsClientCert/,
      );
    }
    t.truthy(await corner.user());

    // CX's and APISIX's address gets to see nothing of it.
    const { shown, url: seen } = await elsewhere(t, authority);
    stack.config = { ...secure, ...shows(ours), "keycloak:additionalHeaders": '{"X-Gate":"open"}' };
    const apisixDiscoveryBase = `${seen}${server.basePath}`;
    await stack.up(...corner.all(), corner.tokenCheck({ apisixDiscoveryBase }));
    t.true(shown.requests > 0);
    t.is(shown.certificates, 0);
    t.false(shown.headers.has("x-gate"));
  });
}

test.serial("a proxy that asks for a header: each request to Keycloak has it, and no other", async (t) => {
  const corner = await Corner.of(t);
  const authority = await makeAuthority();
  const isLetIn = ({ headers }: IncomingMessage) =>
    headers["x-gate"] === "open" && headers.cookie === "gate=open";
  const gate = createServer((incoming, outgoing) => {
    if (isLetIn(incoming)) return toKeycloak(incoming, outgoing);
    incoming.resume();
    outgoing.writeHead(403, { "content-type": "text/html" }).end("closed");
  });
  const url = `http://localhost:${await listening(t, gate)}`;
  const closed = { ...connection, "keycloak:url": url };
  const headers = JSON.stringify({ "X-Gate": "open", Cookie: "gate=open" });
  const stack = new Stack({ ...closed, "keycloak:additionalHeaders": headers });
  await stack.up(...corner.all(), corner.tokenCheck());
  t.deepEqual(await stack.preview(...corner.all(), corner.tokenCheck()), []);

  const { shown, url: seen } = await elsewhere(t, authority);
  stack.config = { ...stack.config, "keycloak:rootCaCertificate": authority.certificate };
  await stack.up(corner.tokenCheck({ apisixDiscoveryBase: `${seen}${server.basePath}` }));
  t.true(shown.requests > 0);
  t.false(shown.headers.has("x-gate") || shown.headers.has("cookie"));

  stack.config = closed;
  await t.throwsAsync(stack.preview(...corner.all()), { message: /a proxy or firewall .* answered 403/ });
});
