// Keycloak's own floor: the requests of our clean preview, sent again by a warm process, over connections that stay open,
// with one login.
import { server } from "../../rig/keycloak/realm.ts";
import type { LoggedRequest } from "../access-log.ts";
import type { Name, Operation } from "./contestant.ts";

/** Measured right after the preview that it repeats, while the objects are the same. */
export const requests = {
  name: "requests" as const,
  title: "the requests of our preview, from one warm process",
  role: "floor" as const,
  repeats: { contestant: "keycloak-apisix" satisfies Name, operation: "preview" satisfies Operation },
  send,
};

/** How many requests run at a time. More are no faster on two cores. */
const atOnce = 8;

async function send(logged: readonly LoggedRequest[]): Promise<void> {
  const login = await fetch(`${server.address}/realms/master/protocol/openid-connect/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "password",
      client_id: "admin-cli",
      username: server.username,
      password: server.password,
    }),
  });
  const { access_token: token } = (await login.json()) as { access_token: string };
  const waiting = logged.filter(({ method }) => method === "GET");
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const response = await fetch(`${server.url}${next.path}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`Sending ${next.path} again was answered ${response.status}.`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
