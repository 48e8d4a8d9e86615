// Toxiproxy (rig/go/tools.ts builds it) in front of Keycloak: TCP connections that are refused, reset, cut or slow.
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import getPort from "get-port";
import { server } from "../keycloak/realm.ts";

/** Path of the program; undefined without Go to build it. */
export const toxiproxy = process.env.TEST_TOXIPROXY;

export interface Toxic {
  readonly type: "latency" | "timeout" | "reset_peer" | "limit_data" | "slicer" | "bandwidth";
  readonly attributes: Readonly<Record<string, number>>;
  /** The share of connections that it affects, from 0 to 1. Default: all. */
  readonly toxicity?: number;
}

export class ToxicProxy {
  readonly url: string;
  readonly #api: string;
  readonly #process: ChildProcess;

  private constructor(url: string, api: string, child: ChildProcess) {
    this.url = url;
    this.#api = api;
    this.#process = child;
  }

  /** @param seed decides which connections a toxic with a `toxicity` affects */
  static async start(seed = 1): Promise<ToxicProxy> {
    const [port, api] = await Promise.all([getPort(), getPort()]);
    const args = ["-host", "127.0.0.1", "-port", `${api}`, "-seed", `${seed}`];
    const child = spawn(toxiproxy ?? "", args, { stdio: "ignore" });
    await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    const proxy = new ToxicProxy(`http://localhost:${port}`, `http://127.0.0.1:${api}/proxies`, child);
    const { host } = new URL(server.url);
    const body = { name: "keycloak", listen: `localhost:${port}`, upstream: host, enabled: true };
    for (let tries = 0; ; tries++) {
      try {
        await proxy.#ask("POST", "", body);
        return proxy;
      } catch (error) {
        if (tries === 50) throw error;
        await sleep(100);
      }
    }
  }

  /** Refuses every connection from now on, or none. */
  refuse(refused = true): Promise<void> {
    return this.#ask("POST", "/keycloak", { enabled: !refused });
  }

  /** Adds a toxic to what Keycloak sends. @returns a function that removes it */
  async poison(toxic: Toxic): Promise<() => Promise<void>> {
    const body = { name: toxic.type, stream: "downstream", toxicity: 1, ...toxic };
    await this.#ask("POST", "/keycloak/toxics", body);
    return () => this.#ask("DELETE", `/keycloak/toxics/${toxic.type}`);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill();
    await ended;
  }

  async #ask(method: string, path: string, body?: object): Promise<void> {
    const answer = await fetch(this.#api + path, { method, ...(body && { body: JSON.stringify(body) }) });
    if (!answer.ok) throw new Error(`toxiproxy: ${method} ${path}: ${answer.status} ${await answer.text()}`);
  }
}
