// A TLS proxy in front of the test run's Keycloak.
import { type RequestListener, request } from "node:http";
import https from "node:https";
import type { AddressInfo, Server } from "node:net";
import type { ExecutionContext } from "ava";
import { server } from "../../rig/keycloak/realm.ts";
import type { Authority } from "../../rig/servers/authority.ts";

/** Forwards every request to the real Keycloak. */
export const toKeycloak: RequestListener = (incoming, outgoing) => {
  const onward = request(
    new URL(incoming.url ?? "/", server.url),
    { method: incoming.method, headers: incoming.headers },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    },
  );
  incoming.pipe(onward);
};

/** Lets a server listen until the test ends. @returns its port */
export async function listening(
  t: ExecutionContext,
  own: Server & { closeAllConnections(): void },
): Promise<number> {
  await new Promise<void>((resolve) => own.listen(0, "localhost", resolve));
  t.teardown(() => {
    own.closeAllConnections();
    own.close();
  });
  return (own.address() as AddressInfo).port;
}

/** @returns the address of the real Keycloak, without base path, behind a certificate for `host` */
export async function tlsProxy(
  t: ExecutionContext,
  authority: Authority,
  host = "localhost",
): Promise<string> {
  return `https://localhost:${await listening(t, https.createServer(await authority.issue(host), toKeycloak))}`;
}
