// Keycloak behind the company's outbound proxy: its name is known to that proxy only.
import { createServer } from "node:http";
import { connect } from "node:net";
import test, { type ExecutionContext } from "ava";
import { server } from "../../rig/keycloak/realm.ts";
import { makeAuthority } from "../../rig/servers/authority.ts";
import { given, succeeded } from "../support/given.ts";
import { listening, tlsProxy } from "../support/tls.ts";

const host = "keycloak.invalid";

/** @returns the proxy's address, and what it was asked for */
async function outboundProxy(t: ExecutionContext, secure: string) {
  const asked = new Set<string>();
  // Node asks for a tunnel in any case.
  const proxy = createServer().on("connect", ({ url = "" }, socket) => {
    asked.add(url);
    const { port } = new URL(url.endsWith(":443") ? secure : server.url);
    const onward = connect(Number(port), "localhost", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    socket.on("error", () => onward.destroy());
    onward.on("error", () => socket.destroy());
  });
  return { asked, address: `http://localhost:${await listening(t, proxy)}` };
}

test("HTTP_PROXY and HTTPS_PROXY are used if Node is told to, also with a private authority", async (t) => {
  const { stack } = await given(t);
  const authority = await makeAuthority();
  const { asked, address } = await outboundProxy(t, await tlsProxy(t, authority, host));
  const proxied = {
    NODE_USE_ENV_PROXY: "1",
    HTTP_PROXY: address,
    HTTPS_PROXY: address,
    KEYCLOAK_URL: undefined,
  };
  await stack.set("keycloak:url", `http://${host}`);
  await stack.set("keycloak:basePath", server.basePath);
  const run = stack.with(proxied);
  succeeded(t, await run.up());
  succeeded(t, await run.preview("--expect-no-changes"));
  t.deepEqual([...asked], [`${host}:80`]);

  await stack.set("keycloak:url", `https://${host}`);
  await stack.setObject("keycloak:rootCaCertificate", authority.certificate);
  succeeded(t, await run.up());
  succeeded(t, await run.destroy());
  t.deepEqual([...asked], [`${host}:80`, `${host}:443`]);
});
