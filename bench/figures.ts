// Turns samples into figures: medians with their spread, ratios within a round, and verdicts on the limits.
import type { Name, Operation } from "./contestants/contestant.ts";

/** One command, measured once. */
export interface Sample {
  readonly realms: number;
  /** Starts at 1; the warm-up gives no samples. */
  readonly round: number;
  readonly contestant: Name;
  readonly operation: Operation;
  readonly seconds: number;
  /** Peak memory in bytes. */
  readonly memory?: number;
  /** Processor time of the whole process tree, in seconds. */
  readonly processor?: number;
  readonly requests?: number;
  readonly logins?: number;
  readonly logouts?: number;
  /** Size of the state afterwards, in bytes. */
  readonly state?: number;
}

export type Metric =
  | "seconds"
  | "memory"
  | "processor"
  | "requests"
  | "logins"
  | "state"
  | "requestsPerRealm"
  | "secondsPerRealm";

export interface Figure {
  readonly realms: number;
  readonly contestant: Name;
  readonly operation: Operation;
  readonly metric: Metric;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** `of` must be at most `limit` times `than`; without `than`, at most `limit`. */
export interface Limit {
  readonly title: string;
  readonly of: Figure;
  readonly than?: Figure;
  readonly limit: number;
}

export interface Verdict {
  readonly limit: Limit;
  /** The ratio, or the figure itself. Undefined if something was not measured. */
  readonly value: Spread | undefined;
  readonly result: "met" | "missed" | "not measured";
  /** The value with the engine's do-nothing floor in our place. Above the limit, our work would have to be free. */
  readonly floor: number | undefined;
}

export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) return undefined;
  return {
    median: (low + high) / 2,
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
    count: sorted.length,
  };
}

/** A figure's values by round. */
export function valuesOf(samples: readonly Sample[], figure: Figure): ReadonlyMap<number, number> {
  const { realms, contestant, operation, metric } = figure;
  const values = samples
    .filter(
      (each) => each.realms === realms && each.contestant === contestant && each.operation === operation,
    )
    .map((each) => [each.round, metricOf(each, metric)] as const);
  return new Map(values.filter((entry): entry is readonly [number, number] => entry[1] !== undefined));
}

export function figureOf(samples: readonly Sample[], figure: Figure): Spread | undefined {
  return spreadOf([...valuesOf(samples, figure).values()]);
}

function metricOf(sample: Sample, metric: Metric): number | undefined {
  const { realms, seconds, requests, logins, logouts = 0 } = sample;
  if (metric === "secondsPerRealm") return seconds / realms;
  if (metric !== "requestsPerRealm") return sample[metric];
  return requests === undefined || logins === undefined ? undefined : (requests - logins - logouts) / realms;
}

/**
 * The ratio of two figures. At the same size it is taken round by round, so that a disturbance hits both. Rounds of
 * different sizes have nothing in common, so there it is the ratio of the medians.
 */
export function ratioOf(samples: readonly Sample[], of: Figure, than: Figure): Spread | undefined {
  const [ofs, thans] = [valuesOf(samples, of), valuesOf(samples, than)];
  if (of.realms === than.realms) {
    const rounds = [...ofs.keys()].filter((round) => thans.has(round));
    return spreadOf(rounds.map((round) => (ofs.get(round) as number) / (thans.get(round) as number)));
  }
  const [one, other] = [spreadOf([...ofs.values()]), spreadOf([...thans.values()])];
  if (!one || !other) return undefined;
  return {
    median: one.median / other.median,
    min: one.min / other.max,
    max: one.max / other.min,
    count: Math.min(one.count, other.count),
  };
}

/** The contestant that shows the engine alone. */
const floor: Name = "idle-resources";

/** The comparison with the floor in our place. Our growth becomes the growth of the floor. */
export function floorInPlace({ of, than }: Limit): { of: Figure; than: Figure } | undefined {
  if (!than || than.contestant === floor) return undefined;
  const isGrowth = than.contestant === of.contestant;
  return { of: { ...of, contestant: floor }, than: isGrowth ? { ...than, contestant: floor } : than };
}

/** The verdicts on the limits at sizes that were measured. */
export function verdicts(samples: readonly Sample[], limits: readonly Limit[]): Verdict[] {
  const sizes = new Set(samples.map(({ realms }) => realms));
  return limits
    .filter(({ of }) => sizes.has(of.realms))
    .map((limit) => {
      const value = limit.than ? ratioOf(samples, limit.of, limit.than) : figureOf(samples, limit.of);
      const result = !value ? "not measured" : value.median <= limit.limit ? "met" : "missed";
      const inPlace = floorInPlace(limit);
      const bound = inPlace && ratioOf(samples, inPlace.of, inPlace.than)?.median;
      return { limit, value, result, floor: bound };
    });
}

/** Missed, but dynamic resources that do nothing would miss it as well: with this engine we cannot reach it. */
export function isOutOfReach({ limit, result, floor }: Verdict): boolean {
  return result === "missed" && floor !== undefined && floor > limit.limit;
}

/**
 * A run fails if it misses a limit, or measures none. A limit that the engine's floor misses as well is reported but does
 * not fail the run: a check that can never pass is of no use.
 */
export function exitCodeOf(all: readonly Verdict[]): number {
  const measured = all.filter(({ result }) => result !== "not measured");
  const isKept = (verdict: Verdict) => verdict.result === "met" || isOutOfReach(verdict);
  return measured.length > 0 && measured.every(isKept) ? 0 : 1;
}
