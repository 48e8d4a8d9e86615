// How long temporary failures are retried, on a mocked clock.
import { mock } from "node:test";
import test from "ava";
import { Failure } from "../failure.ts";
import { TemporaryFailure } from "./failures.ts";
import { Retry } from "./retry.ts";

const second = 1000;
const down = (options: { status?: number; wait?: number } = {}) =>
  new TemporaryFailure("Reading failed: the server is down.", { why: "is down", effect: "none", ...options });

test.before(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
test.after.always(() => mock.timers.reset());

/** Runs to the end while the mocked clock advances, and returns how long that took on it. */
async function elapsed(running: Promise<unknown>): Promise<{ seconds: number; error?: unknown }> {
  const start = Date.now();
  let result: { seconds: number; error?: unknown } | undefined;
  const end = (error?: unknown) => {
    result = { seconds: (Date.now() - start) / second, error };
  };
  running.then(() => end(), end);
  while (!result) {
    // Promises first, then a little time.
    await new Promise(setImmediate);
    mock.timers.tick(50);
  }
  return result;
}

function retry(): { retry: Retry; said: string[] } {
  const said: string[] = [];
  return {
    said,
    retry: new Retry(15 * second, async ({ why }, seconds) => void said.push(`${why} ${seconds}`)),
  };
}

/** Fails for this many seconds, and counts the attempts. */
function failing(
  seconds: number,
  failure = down(),
): { action: () => Promise<string>; attempts: () => number } {
  const end = Date.now() + seconds * second;
  let attempts = 0;
  return {
    attempts: () => attempts,
    action: async () => {
      attempts += 1;
      if (Date.now() < end) throw failure;
      return "an answer";
    },
  };
}

test.serial("a server that never answered is given up on after five seconds", async (t) => {
  const { seconds, error } = await elapsed(retry().retry.run(failing(3600).action));
  t.true(seconds < 6, `${seconds} s`);
  t.regex(String(error), /^Reading failed: the server is down\. Tried for \d s\.$/);
});

test.serial("a server that has answered before is retried for a minute, with a warning", async (t) => {
  const { retry: own, said } = retry();
  own.answered();
  const short = failing(50);
  const answered = await elapsed(own.run(short.action));
  t.is(answered.error, undefined);
  t.true(short.attempts() > 3 && short.attempts() < 40, `${short.attempts()} attempts`);
  t.deepEqual([...new Set(said)], ["is down 60"]);
  own.failed();
  const { seconds, error } = await elapsed(own.run(failing(3600).action));
  t.true(seconds > 30 && seconds < 65, `${seconds} s`);
  t.regex(String(error), /Tried for \d\d s\.$/);
});

test.serial("one outage is waited out once, not once for every resource", async (t) => {
  const { retry: own } = retry();
  own.answered();
  own.failed();
  await elapsed(own.run(failing(3600).action));
  const next = failing(3600);
  t.is((await elapsed(own.run(next.action))).seconds, 0);
  t.is(next.attempts(), 0);
  own.answered();
  t.is((await elapsed(own.run(failing(0).action))).error, undefined);
});

test.serial("Retry-After is respected, and one that is too long fails at once", async (t) => {
  const { retry: own } = retry();
  own.answered();
  const { seconds } = await elapsed(own.run(failing(0.1, down({ status: 429, wait: 2 * second })).action));
  t.true(seconds >= 2 && seconds < 5, `${seconds} s`);
  const long = failing(3600, down({ status: 503, wait: 3600 * second }));
  t.is((await elapsed(own.run(long.action))).seconds, 0);
  t.is(long.attempts(), 1);
});

test.serial("a session that the server refuses is reopened twice, and no more", async (t) => {
  const { retry: own } = retry();
  own.answered();
  const refused = failing(3600, down({ status: 401 }));
  const { error } = await elapsed(own.run(refused.action));
  t.is(refused.attempts(), 3);
  t.is(String(error), "Reading failed: the server is down.");
});

test.serial("a failure that is not temporary is not retried", async (t) => {
  let attempts = 0;
  const { error } = await elapsed(
    retry().retry.run(async () => {
      attempts += 1;
      throw new Failure("forbidden");
    }),
  );
  t.is(attempts, 1);
  t.is(String(error), "forbidden");
});
