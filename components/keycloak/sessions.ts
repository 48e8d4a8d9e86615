// The servers of one process: a session for each connection, and the realms on it.
import { defaultNamespace, type ReadConfig, readConnection } from "./connection.ts";
import { Realm } from "./realm.ts";
import { KeycloakSession, type Warn } from "./session.ts";

export class Sessions {
  readonly #config: ReadConfig;
  readonly #warn: Warn;
  readonly #sessions = new Map<string, KeycloakSession>();
  readonly #realms = new Map<string, Realm>();

  constructor(config: ReadConfig, warn: Warn) {
    this.#config = config;
    this.#warn = warn;
  }

  /**
   * A realm of the server that a config namespace names. The session logs in with its first request.
   * @throws Failure if the connection is misconfigured.
   */
  realm(name: string, namespace: string = defaultNamespace): Realm {
    const key = JSON.stringify([namespace, name]);
    let realm = this.#realms.get(key);
    if (!realm) {
      realm = new Realm(this.#session(namespace), name);
      this.#realms.set(key, realm);
    }
    return realm;
  }

  /** Ends every session. Never throws. */
  async logOut(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => session.logOut()));
  }

  #session(namespace: string): KeycloakSession {
    let session = this.#sessions.get(namespace);
    if (!session) {
      session = new KeycloakSession(readConnection(namespace, this.#config, process.env), this.#warn);
      this.#sessions.set(namespace, session);
    }
    return session;
  }
}
