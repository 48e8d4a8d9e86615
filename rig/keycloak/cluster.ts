// Keycloak as it runs in production: a cluster of two nodes on PostgreSQL, behind a proxy that sends consecutive requests
// to different nodes.
import { mkdtemp } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import getPort, { portNumbers } from "get-port";
import type { Authority, Issued } from "../servers/authority.ts";
import type { Postgres } from "../servers/postgres.ts";
import { type RunningKeycloak, startKeycloak, stopKeycloak } from "./server.ts";

interface Node extends RunningKeycloak {
  readonly home: string;
  /** How many requests this node has received. */
  served: number;
}

const basePath = "/auth";

export class Cluster {
  readonly nodes: Node[] = [];
  readonly #authority: Authority;
  readonly #proxy: https.Server;
  #turn = 0;

  private constructor(authority: Authority, { key, cert }: Issued) {
    this.#authority = authority;
    this.#proxy = https.createServer({ key, cert }, (incoming, outgoing) => {
      void this.#forward(incoming, outgoing);
    });
  }

  /** Starts the proxy; {@link start} adds the nodes. The caller stops the cluster, even if its start fails. */
  static async create(authority: Authority): Promise<Cluster> {
    const cluster = new Cluster(authority, await authority.issue("localhost"));
    await new Promise<void>((resolve) => cluster.#proxy.listen(0, "localhost", resolve));
    return cluster;
  }

  async start(postgres: Postgres, admin: { username: string; password: string }): Promise<void> {
    const databasePassword = await postgres.createDatabase("keycloak");
    const { certificateFile } = this.#authority;
    const issued = await this.#authority.issue("localhost");
    for (const name of ["a", "b"]) {
      // One after the other: the first node fills the database, and the second one shares its build.
      const home = await mkdtemp(path.join(tmpdir(), `keycloak-${name}-`));
      // JGroups' failure detection listens on this port plus 50000.
      const clusterPort = await getPort({ port: portNumbers(7800, 8800) });
      const running = await startKeycloak({
        home,
        adminUser: admin.username,
        adminPassword: admin.password,
        basePath,
        productionBuild: ["--db=postgres"],
        extraArgs: [
          `--hostname=${this.url}${basePath}`,
          "--proxy-headers=xforwarded",
          `--https-certificate-file=${issued.certFile}`,
          `--https-certificate-key-file=${issued.keyFile}`,
          `--db-url=jdbc:postgresql://localhost:${postgres.port}/keycloak?sslmode=verify-full&sslrootcert=${certificateFile}`,
          "--db-username=keycloak",
          "--cache-embedded-network-bind-address=127.0.0.1",
          `--cache-embedded-network-bind-port=${clusterPort}`,
        ],
        env: { KC_DB_PASSWORD: databasePassword },
      });
      this.nodes.push({ ...running, home, served: 0 });
    }
  }

  /** The proxy's address, without the base path. */
  get url(): string {
    return `https://localhost:${(this.#proxy.address() as AddressInfo).port}`;
  }

  async stopNode(index: number): Promise<void> {
    await stopKeycloak(this.nodes[index]?.home as string);
  }

  async stop(): Promise<void> {
    this.#proxy.closeAllConnections();
    this.#proxy.close();
    await Promise.all(this.nodes.map(({ home }) => stopKeycloak(home)));
  }

  /** Forwards to the node whose turn it is; to the next one if that one does not listen. */
  async #forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    for (const _ of this.nodes) {
      const node = this.nodes[this.#turn++ % this.nodes.length] as Node;
      try {
        const answer = await this.#ask(node, incoming, body);
        node.served += 1;
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") break;
      }
    }
    outgoing.writeHead(502).end();
  }

  #ask(node: Node, { method, url, headers }: IncomingMessage, body: Buffer) {
    return new Promise<IncomingMessage>((resolve, reject) => {
      const forwarded = {
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "https",
        "x-forwarded-host": headers.host,
      };
      const options = { method, headers: { ...headers, ...forwarded }, ca: this.#authority.certificate };
      https
        .request(new URL(url ?? "/", node.url), options, resolve)
        .once("error", reject)
        .end(body);
    });
  }
}
