// Temporary failures are retried: for how long, with what pauses, and when a server counts as down.
import timers from "node:timers/promises";
import pRetry from "p-retry";
import { TemporaryFailure } from "./failures.ts";

/**
 * How long to retry, in request timeouts. A server that has answered in this run gets a minute by default, as long
 * as a restart takes. An address that never answered gets 5 s, because it is probably wrong.
 */
const patience = { answeredBefore: 4, neverAnswered: 1 / 3 };
/** Pause between two attempts: the first in milliseconds, the longest in request timeouts. */
export const pause = { first: 200, longest: 1 / 3 };
/** Milliseconds after which the operator is told about the wait. */
const longWait = 3000;
/** How often in a row a new session may be opened. One refusal is a session that ended; more are no accident. */
const newSessionsAtMost = 2;

/** Retries for one server. */
export class Retry {
  /** Request timeout in milliseconds. */
  readonly #timeout: number;
  readonly #sayWaiting: (failure: TemporaryFailure, seconds: number) => Promise<void>;
  #hasAnswered = false;
  /** When the failures began, if nothing has succeeded since: one outage is waited out once. */
  #failingSince: number | undefined;
  #gaveUp: { readonly failure: TemporaryFailure; readonly at: number } | undefined;

  /** @param sayWaiting called if the wait gets long, with the longest total wait in seconds */
  constructor(timeout: number, sayWaiting: (failure: TemporaryFailure, seconds: number) => Promise<void>) {
    this.#timeout = timeout;
    this.#sayWaiting = sayWaiting;
  }

  /** True if the server itself has answered, so the address is right. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  answered(): void {
    this.#hasAnswered = true;
    this.#failingSince = undefined;
    this.#gaveUp = undefined;
  }

  failed(): void {
    this.#failingSince ??= Date.now();
  }

  /** Repeats an action that fails temporarily, with growing and jittered pauses. */
  async run<T>(action: () => Promise<T>): Promise<T> {
    const start = Date.now();
    // This outage was just waited out; the next resource does not wait again.
    if (this.#gaveUp && start - this.#gaveUp.at < this.#timeout) throw this.#gaveUp.failure;
    let refusedSessions = 0;
    const longest = () =>
      this.#timeout * (this.#hasAnswered ? patience.answeredBefore : patience.neverAnswered);
    const deadline = () => Math.min(start, this.#failingSince ?? start) + longest();
    try {
      return await pRetry(action, {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: pause.first,
        maxTimeout: Math.max(pause.first, this.#timeout * pause.longest),
        randomize: true,
        shouldRetry: async ({ error, attemptNumber, retryDelay }) => {
          if (!(error instanceof TemporaryFailure)) return false;
          if (error.status === 401 && ++refusedSessions > newSessionsAtMost) return false;
          const wait = error.wait ?? 0;
          // A single silent connection may be an accident, even the first one.
          const isAccident = attemptNumber === 1 && !this.#hasAnswered && wait === 0;
          if (!isAccident && Date.now() + Math.max(wait, retryDelay) > deadline()) return false;
          if (wait > longWait || Date.now() - start > longWait) {
            await this.#sayWaiting(error, Math.round(longest() / 1000));
          }
          await timers.setTimeout(wait);
          return true;
        },
      });
    } catch (error) {
      if (!(error instanceof TemporaryFailure)) throw error;
      const failure = error.givenUp(Date.now() - start);
      // Nothing has succeeded in all this time, whatever was requested.
      const isOutage = this.#failingSince !== undefined && (error.status ?? 502) >= 502;
      if (isOutage) this.#gaveUp = { failure, at: Date.now() };
      throw failure;
    }
  }
}
