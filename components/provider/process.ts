// What the provider process keeps while one command of the CLI runs, and shares between all resources.
import { Holders } from "../ensure/holders.ts";
import type { KindInputs, Place } from "../ensure/kind.ts";
import type { Surroundings } from "../ensure/lifecycle.ts";
import { asFailure, Failure } from "../failure.ts";
import { say } from "./log.ts";
import type { CheckResult, Properties, ReadConfig } from "./protocol.ts";

/** Gives the realm that a resource's inputs name. */
type RealmOf<Realm> = (inputs: KindInputs) => Realm;

export class ProviderProcess<Realm extends Place> implements Surroundings<Realm> {
  readonly holders = new Holders();
  readonly #connect: (config: ReadConfig) => RealmOf<Realm>;
  #realmOf: RealmOf<Realm> | undefined;
  readonly #told = new Set<string>();

  /** @param connect creates the sessions for the servers that the configuration names */
  constructor(connect: (config: ReadConfig) => RealmOf<Realm>) {
    this.#connect = connect;
  }

  /** The host calls this once for each kind; only the first call counts. */
  configure(config: ReadConfig): void {
    this.#realmOf ??= this.#connect(config);
  }

  readonly realmOf = (inputs: KindInputs): Realm => {
    if (this.#realmOf) return this.#realmOf(inputs);
    throw new Failure(
      "The connection to Keycloak is not known here: @pulumi/pulumi is older than 3.139 and gives dynamic providers no configuration; install a newer one.",
      { shared: true },
    );
  };

  readonly say = say;

  /** The answer of a check that failed. A failure that five resources share is reported by the first one. */
  refused(inputs: Properties, error: unknown): CheckResult {
    const failure = asFailure(error);
    if (failure.shared && this.#told.has(failure.about)) return { inputs };
    if (failure.shared) this.#told.add(failure.about);
    return { inputs, failures: [{ property: "", reason: failure.message }] };
  }

  /** True once a shared failure was reported: from then on no diff may say "no changes". */
  get hasRefused(): boolean {
    return this.#told.size > 0;
  }
}
