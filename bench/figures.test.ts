// The bench's arithmetic: medians, ratios within a round, and which runs fail.
import test from "ava";
import { exitCodeOf, Figures, type Limit, spreadOf, verdictsOn } from "./figures.ts";

const ours = "1 ours preview seconds";
const floor = "1 floor preview seconds";

/** Those of the rounds 1, 2, … */
function given(values: { readonly [ours]?: number[]; readonly [floor]?: number[] }): Figures {
  const figures = new Figures();
  for (const figure of [ours, floor] as const)
    for (const [index, value] of (values[figure] ?? []).entries()) figures.add(figure, index + 1, value);
  return figures;
}

test("a median is the middle value, or halfway between the two in the middle; an outlier does not move it", (t) => {
  t.deepEqual(spreadOf([3, 1, 100]), { median: 3, min: 1, max: 100 });
  t.deepEqual(spreadOf([4, 1, 2, 9]), { median: 3, min: 1, max: 9 });
  t.is(spreadOf([]), undefined);
});

test("a ratio is taken round by round: a slow round slows both sides", (t) => {
  // The fourth round has no counterpart.
  const figures = given({ [ours]: [2, 20, 3], [floor]: [1, 10, 3, 1000] });
  figures.add("10 floor preview seconds", 1, 1000);
  figures.add("1 floor fresh seconds", 1, 1000);
  t.deepEqual(figures.ratio(ours, floor), { median: 2, min: 1, max: 2 });
});

test("a missed limit fails the run, an unmeasured one does not, and a run without measurements fails", (t) => {
  const limit: Limit = { title: "", of: ours, than: floor, limit: 1.25 };
  const verdicts = (seconds: number) => verdictsOn([limit], given({ [ours]: [seconds], [floor]: [1] }));
  t.is(verdicts(1.25)[0]?.result, "met");
  t.is(exitCodeOf(verdicts(1.25)), 0);
  t.is(verdicts(1.26)[0]?.result, "missed");
  t.is(exitCodeOf(verdicts(1.26)), 1);
  const alone = verdictsOn([limit], given({ [ours]: [1] }));
  t.is(alone[0]?.result, "not measured");
  t.is(exitCodeOf([...verdicts(1), ...alone]), 0);
  t.is(exitCodeOf(alone), 1);
});

test("a limit without a counterpart is the figure's own; one for every round is missed by a single round", (t) => {
  const figures = given({ [ours]: [1, 1, 2] });
  const limit: Limit = { title: "", of: ours, limit: 1 };
  t.is(verdictsOn([limit], figures)[0]?.result, "met");
  t.is(verdictsOn([{ ...limit, always: true }], figures)[0]?.result, "missed");
});
