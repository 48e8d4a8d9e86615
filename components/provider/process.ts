// What the provider process keeps while one command of the CLI runs: the configuration, one session for each
// Keycloak, who held what, and which failures have been reported.
import { type Connection, defaultNamespace, type ReadConfig, readConnection } from "./connection.ts";
import { Run } from "./ownership.ts";
import { KeycloakSession } from "./session.ts";

export class ProviderProcess {
  readonly run = new Run();
  readonly #readConfig: ReadConfig;
  readonly #sessions = new Map<string, KeycloakSession>();
  readonly #reported = new Set<string>();

  constructor(readConfig: ReadConfig) {
    this.#readConfig = readConfig;
  }

  /**
   * The session for a config namespace; it logs in with its first request.
   * @throws KeycloakError when the connection is not configured well.
   */
  session(namespace: string = defaultNamespace): KeycloakSession {
    let session = this.#sessions.get(namespace);
    if (!session) {
      session = new KeycloakSession(this.#connection(namespace));
      this.#sessions.set(namespace, session);
    }
    return session;
  }

  /** True once for each text: five resources shall not say the same five times. */
  firstToReport(failure: string): boolean {
    if (this.#reported.has(failure)) return false;
    this.#reported.add(failure);
    return true;
  }

  /** A check of this run has failed, so no diff may say "no changes" any more. */
  get hasFailed(): boolean {
    return this.#reported.size > 0;
  }

  #connection(namespace: string): Connection {
    return readConnection(namespace, this.#readConfig, process.env);
  }
}
