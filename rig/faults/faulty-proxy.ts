// An HTTP proxy in front of Keycloak that fails the way proxies, load balancers and networks do: it answers by itself,
// loses a request, or loses the answer after Keycloak has carried the request out.
import http from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { server } from "../keycloak/realm.ts";

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What happens to a request. */
export interface Fault {
  /** Does Keycloak get the request, and carry it out? */
  readonly passedOn: boolean;
  /** What comes back: an answer of the proxy's own, a closed connection, half of Keycloak's answer, nothing. */
  readonly comes: Answer | "reset" | "half" | "silence";
  /** Called after Keycloak has carried the request out. */
  readonly done?: () => void;
}

export interface Seen {
  readonly method: string;
  /** The path after the base path, without the query. */
  readonly path: string;
}

/** Decides what happens to a request. It may act first, for instance change the realm behind the client's back. */
export type Decide = (request: Seen, index: number) => Fault | undefined | Promise<Fault | undefined>;

export class FaultyProxy {
  readonly url: string;
  /** Every request since {@link decide} was set. */
  readonly seen: Seen[] = [];
  readonly #server: http.Server;
  readonly #target: URL;
  #decide: Decide = () => undefined;

  private constructor(listening: http.Server, target: URL) {
    this.#server = listening;
    this.#target = target;
    this.url = `http://localhost:${(listening.address() as AddressInfo).port}`;
  }

  /** @param target default: the Keycloak of this test run */
  static async start(target = server.url): Promise<FaultyProxy> {
    const listening = http.createServer();
    await new Promise<void>((resolve) => listening.listen(0, "localhost", resolve));
    const proxy = new FaultyProxy(listening, new URL(target));
    listening.on("request", (request, response) => {
      proxy.#handle(request, response).catch(() => response.destroy());
    });
    return proxy;
  }

  /** Decides about all requests from now on, and counts them from zero. */
  decide(decide: Decide = () => undefined): void {
    this.#decide = decide;
    this.seen.length = 0;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", this.url);
    const seen = { method: request.method ?? "", path: pathname.replace(server.basePath, "") };
    const index = this.seen.push(seen) - 1;
    const body = await buffer(request);
    const fault = await this.#decide(seen, index);
    const answer = fault && !fault.passedOn ? undefined : await this.#passOn(request, body);
    fault?.done?.();
    if (!fault) {
      if (!answer) return void response.destroy();
      response.writeHead(answer.status, answer.headers).end(answer.body);
    } else if (fault.comes === "reset") {
      request.socket.resetAndDestroy();
    } else if (fault.comes === "half") {
      const whole = answer?.body ?? Buffer.from("nothing to halve");
      response.writeHead(answer?.status ?? 200, { "content-length": Math.max(whole.length, 2) });
      response.write(whole.subarray(0, whole.length / 2), () => setTimeout(() => response.destroy(), 20));
    } else if (fault.comes !== "silence") {
      response.writeHead(fault.comes.status, fault.comes.headers).end(fault.comes.body);
    }
  }

  /** Forwards a request unchanged, under the host name that the client uses, as CX's ingress does. */
  #passOn(request: http.IncomingMessage, body: Buffer) {
    return new Promise<{ status: number; headers: http.IncomingHttpHeaders; body: Buffer }>(
      (resolve, reject) => {
        const { hostname, port } = this.#target;
        const { method, url, headers } = request;
        const upstream = http.request({ hostname, port, method, path: url, headers }, async (answer) => {
          const { connection: _, "transfer-encoding": __, ...kept } = answer.headers;
          buffer(answer).then(
            (whole) => resolve({ status: answer.statusCode ?? 502, headers: kept, body: whole }),
            reject,
          );
        });
        upstream.on("error", reject).end(body);
      },
    );
  }
}
