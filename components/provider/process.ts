// What the provider process keeps while one command of the CLI runs, and shares between all resources.
import { Holders } from "../ensure/holders.ts";
import type { KindInputs, Place } from "../ensure/kind.ts";
import type { Surroundings } from "../ensure/lifecycle.ts";
import { asFailure, Failure } from "../failure.ts";
import { say } from "./log.ts";
import type { CheckResult, Properties, ReadConfig } from "./protocol.ts";

/** Gives the realm that a resource's inputs name. */
export type RealmOf<Realm> = (inputs: KindInputs) => Realm;

export class ProviderProcess<Realm extends Place> implements Surroundings<Realm> {
  readonly holders = new Holders();
  readonly #connect: (config: ReadConfig) => RealmOf<Realm>;
  #realmOf: RealmOf<Realm> | undefined;
  readonly #told = new Set<string>();

  /** @param connect makes what talks to the servers that the configuration names */
  constructor(connect: (config: ReadConfig) => RealmOf<Realm>) {
    this.#connect = connect;
  }

  /** The host calls it for every resource's provider; the first call counts. */
  configure(config: ReadConfig): void {
    this.#realmOf ??= this.#connect(config);
  }

  readonly realmOf = (inputs: KindInputs): Realm => {
    if (this.#realmOf) return this.#realmOf(inputs);
    throw new Failure(
      "The connection to Keycloak is not known here: @pulumi/pulumi is older than 3.141 and gives dynamic providers no configuration; install a newer one.",
      { shared: true },
    );
  };

  readonly say = say;

  /** The answer to a check that failed. What five resources share is told by the first of them. */
  refused(inputs: Properties, error: unknown): CheckResult {
    const failure = asFailure(error);
    if (failure.shared && this.#told.has(failure.about)) return { inputs };
    if (failure.shared) this.#told.add(failure.about);
    return { inputs, failures: [{ property: "", reason: failure.message }] };
  }

  /** A shared check of this run has failed, so no diff may say "no changes" any more. */
  get hasRefused(): boolean {
    return this.#told.size > 0;
  }
}
