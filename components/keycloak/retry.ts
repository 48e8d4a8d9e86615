// Temporary failures are retried: for how long, with what pauses, and when a server counts as down.
import timers from "node:timers/promises";
import pRetry from "p-retry";
import { TemporaryFailure } from "./failures.ts";

/**
 * How long to retry, in request timeouts: by default a minute, which a restart takes, for a server that has answered in this run,
 * and 5 s for an address that never did, because that is likely wrong.
 */
const patience = { answeredBefore: 4, neverAnswered: 1 / 3 };
/** Between two attempts: at first in milliseconds, at most in request timeouts. */
export const pause = { first: 200, longest: 1 / 3 };
/** Milliseconds after which waiting is worth a word. */
const longWait = 3000;
/** Sessions in a row that the server may refuse to know of: one is a session that ended, more are no accident. */
const newSessionsAtMost = 2;

/** Retries for one server. */
export class Retry {
  /** Request timeout in milliseconds. */
  readonly #timeout: number;
  readonly #sayWaiting: (failure: TemporaryFailure, seconds: number) => Promise<void>;
  #hasAnswered = false;
  /** When the failures began that nothing has come through since: one outage is waited out once. */
  #failingSince: number | undefined;
  #gaveUp: { readonly failure: TemporaryFailure; readonly at: number } | undefined;

  /** @param sayWaiting called when waiting takes long, with the seconds that it takes at most in all */
  constructor(timeout: number, sayWaiting: (failure: TemporaryFailure, seconds: number) => Promise<void>) {
    this.#timeout = timeout;
    this.#sayWaiting = sayWaiting;
  }

  /** True where the server itself has answered, so the address is right. */
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

  /** Repeats what fails temporarily, with growing and jittered pauses. */
  async run<T>(action: () => Promise<T>): Promise<T> {
    const start = Date.now();
    // Waited for a moment ago: not again by every resource.
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
          // One silent connection may be an accident, also where it is the first.
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
      // Nothing has come through for as long as patience lasts, whatever was asked for.
      const isOutage = this.#failingSince !== undefined && (error.status ?? 502) >= 502;
      if (isOutage) this.#gaveUp = { failure, at: Date.now() };
      throw failure;
    }
  }
}
