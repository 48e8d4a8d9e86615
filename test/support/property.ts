// Runs property-based tests: a number of generated cases, from a seed that is always shown. A failure states its reason
// first.
import fc from "fast-check";

/** @param fewer how many cases `npm test` tries; `npm run test:properties -- --runs N --seed S` chooses otherwise */
export function runsOr(fewer: number): number {
  return Number(process.env.TEST_RUNS ?? fewer);
}

/** Shown in the test's title, so that a failure can be replayed. */
export const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 1_000_000_000));

/** Checks the property on generated cases. @throws Error with the reason, the case, and how to replay it */
export async function holdsForAll<T>(
  cases: fc.Arbitrary<T>,
  runs: number,
  property: (value: T) => Promise<void>,
): Promise<void> {
  let reason = "";
  let last: T | undefined;
  let tried = 0;
  const checked = fc.asyncProperty(cases, async (value) => {
    last = value;
    tried += 1;
    await property(value).catch((error: Error) => {
      reason = error.message;
      throw error;
    });
  });
  // Each case is built on a real server, and shrinking would build hundreds more.
  const result = await fc.check(checked, { numRuns: runs, seed, endOnFailure: true });
  if (!result.failed) return;
  throw new Error(
    `${reason}\ncase ${tried} of seed ${seed} (npm run test:properties -- --seed ${seed} --runs ${tried}):\n${fc.stringify(last)}`,
  );
}

/** @throws Error if something was found */
export function expectNothing(found: readonly unknown[], what: string): void {
  if (found.length > 0) throw new Error(`${what}: ${JSON.stringify(found, null, 2)}`);
}

/** @returns what was said, or undefined if it was certain to fail and did not. @throws Error if it said anything else */
export async function expectSaid(
  command: Promise<unknown>,
  says: RegExp,
  { isCertain = true } = {},
): Promise<boolean> {
  const said = await command.then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (said === undefined && !isCertain) return false;
  expectNothing(says.test(said ?? "") ? [] : [`${says} is not: ${said ?? "nothing"}`], "what is said");
  return true;
}
