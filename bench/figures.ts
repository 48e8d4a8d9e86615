// Turns measurements into figures: medians with their spread, ratios within a round, and verdicts on the limits.

/** Its size in realms, whose it is, of which command, and what was measured: "50 ours fresh seconds". */
export type Figure = `${number} ${Who} ${Operation} ${Metric}`;

/** `peer` is @pulumi/keycloak, `floor` the engine with dynamic resources that do nothing, `clone` this repository's commands. */
export type Who = Cold | `${Cold}-cold` | "floor" | "one-by-one" | "side-by-side" | "clone";
type Cold = "ours" | "peer";

/** On untouched realms, then with nothing to do, then taking everything back; for the clone, beside a bare preview. */
export type Operation = "fresh" | "again" | "preview" | "destroy" | Own | `bare-${Own}`;
type Own = "start" | "drift";

/** Processor time and `seconds` in seconds, `requests` a realm, what is `written` (by the engine) and the rest in bytes. */
export type Metric = "seconds" | Processor | "requests" | "memory" | "written" | "state";
export type Processor = "engine" | "program" | "provider" | "keycloak";

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  const median = (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2;
  return sorted.length > 0 ? { median, min: at(0), max: at(sorted.length - 1) } : undefined;
}

export class Figures {
  readonly #values = new Map<Figure, Map<number, number>>();

  /** @param round from 1 on */
  add(figure: Figure, round: number, value: number): void {
    const values = this.#values.get(figure) ?? new Map();
    this.#values.set(figure, values.set(round, value));
  }

  spread(figure: Figure): Spread | undefined {
    return spreadOf([...(this.#values.get(figure)?.values() ?? [])]);
  }

  /** Taken round by round, so that a disturbance hits both sides. */
  ratio(of: Figure, than: Figure): Spread | undefined {
    const others = this.#values.get(than);
    const values = [...(this.#values.get(of) ?? [])];
    const ratios = values.map(([round, value]) => value / (others?.get(round) ?? Number.NaN));
    return spreadOf(ratios.filter((ratio) => !Number.isNaN(ratio)));
  }
}

/** `of` must be at most `limit` times `than`; without `than`, at most `limit`. */
export interface Limit {
  readonly title: string;
  readonly of: Figure;
  readonly than?: Figure;
  readonly limit: number;
  /** Does it hold for each round, and not only for the median? */
  readonly always?: boolean;
}

export interface Verdict extends Limit {
  /** The ratio, or the figure itself. */
  readonly value: Spread | undefined;
  readonly result: "met" | "missed" | "not measured";
}

export function verdictsOn(limits: readonly Limit[], figures: Figures): Verdict[] {
  return limits.map((limit) => {
    const value = limit.than ? figures.ratio(limit.of, limit.than) : figures.spread(limit.of);
    const judged = limit.always ? value?.max : value?.median;
    const result = judged === undefined ? "not measured" : judged <= limit.limit ? "met" : "missed";
    return { ...limit, value, result };
  });
}

/** A run fails if it misses a limit, or measures none. */
export function exitCodeOf(verdicts: readonly Verdict[]): number {
  const measured = verdicts.filter(({ result }) => result !== "not measured");
  return measured.length > 0 && measured.every(({ result }) => result === "met") ? 0 : 1;
}
