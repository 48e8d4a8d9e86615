// The requests that Keycloak received, from its own access log: it has every request, whoever sent it, and no proxy gets in
// the way.
import { open } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { server } from "../rig/keycloak/realm.ts";

export interface LoggedRequest {
  readonly method: string;
  /** The path with base path and query. */
  readonly path: string;
  readonly status: number;
}

/** Options that make a Keycloak write one. */
export const accessLogOptions = {
  extraArgs: [
    "--http-access-log-enabled=true",
    "--http-access-log-file-enabled=true",
    "--http-access-log-file-rotate=false",
  ],
  env: { KC_HTTP_ACCESS_LOG_PATTERN: "%r|%s" },
};

/** Is this a login of the admin, by whichever grant? */
export const isLogin = ({ method, path: asked }: LoggedRequest) =>
  method === "POST" && asked.includes("/realms/master/protocol/openid-connect/token");

/** Does this end a session of the admin? */
export const isLogout = ({ method, path: asked }: LoggedRequest) =>
  method === "POST" && asked.includes("/realms/master/protocol/openid-connect/logout");

export class AccessLog {
  readonly #file: string;
  #offset = 0;
  #marks = 0;

  /** @param home the server's folder */
  constructor(home: string) {
    this.#file = path.join(home, "data", "log", "keycloak-http-access.log");
  }

  /** All requests since the last call, in the order in which they were answered. */
  async take(): Promise<LoggedRequest[]> {
    // Keycloak writes the log with a delay: once a request of our own is in it, everything before is, too.
    const mark = `bench=${++this.#marks}`;
    await (await fetch(`${server.address}/realms/master?${mark}`)).arrayBuffer();
    const start = Date.now();
    for (;;) {
      const text = await this.#rest();
      const at = text.indexOf(`?${mark} `);
      const end = text.indexOf("\n", at);
      if (at >= 0 && end >= 0) {
        this.#offset += Buffer.byteLength(text.slice(0, end + 1));
        return text.slice(0, end).split("\n").slice(0, -1).map(parsed);
      }
      if (Date.now() - start > 30_000)
        throw new Error("Keycloak has not written its access log within 30 seconds.");
      await sleep(20);
    }
  }

  async #rest(): Promise<string> {
    const file = await open(this.#file);
    try {
      const { size } = await file.stat();
      const { buffer } = await file.read(Buffer.alloc(size - this.#offset), 0, null, this.#offset);
      return buffer.toString();
    } finally {
      await file.close();
    }
  }
}

function parsed(line: string): LoggedRequest {
  const [, method, asked, status] = /^(\S+) (\S+) \S+\|(\d+)$/.exec(line) ?? [];
  if (!method || !asked) throw new Error(`Keycloak's access log has an unexpected line: ${line}`);
  return { method, path: asked, status: Number(status) };
}
