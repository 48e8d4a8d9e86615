// The limits to keep: the only table for both the report and the exit code.
import type { Figure, Limit } from "./figures.ts";

const limit = (title: string, of: Figure, most: number, than?: Figure): Limit => ({
  title,
  of,
  limit: most,
  than,
});

export const limits: readonly Limit[] = [
  limit("`preview` with nothing to do", "1 ours preview seconds", 1.1, "1 floor preview seconds"),
  limit("`up` with nothing to do", "1 ours again seconds", 1.1, "1 floor again seconds"),
  limit("fresh `up`, token check included", "1 ours fresh seconds", 1.1, "1 floor fresh seconds"),
  limit("fresh `up`, nothing compiled yet", "1 ours-cold fresh seconds", 0.75, "1 peer-cold fresh seconds"),
  limit(
    "`preview`, nothing compiled yet",
    "1 ours-cold preview seconds",
    0.75,
    "1 peer-cold preview seconds",
  ),
  limit("`preview` with nothing to do", "50 ours preview seconds", 1.15, "50 floor preview seconds"),
  {
    ...limit("fresh `up`, in every round", "50 ours fresh seconds", 1.2, "50 floor fresh seconds"),
    always: true,
  },
  limit("`destroy`", "50 ours destroy seconds", 1.15, "50 floor destroy seconds"),
  limit("state", "50 ours fresh state", 0.6, "50 floor fresh state"),
  limit("state", "50 ours fresh state", 3, "50 peer fresh state"),
  limit("peak memory of a fresh `up`", "50 ours fresh memory", 1.1, "50 floor fresh memory"),
  limit("requests of a `preview` with nothing to do", "1 ours preview requests", 6),
  limit("requests of a fresh `up`, token check included", "1 ours fresh requests", 26),
  limit("requests of a `destroy`", "1 ours destroy requests", 12),
  limit("the second `npm start`", "1 clone start seconds", 1.5, "1 clone bare-start seconds"),
  limit("`npm run drift` on one clean stack", "1 clone drift seconds", 1.5, "1 clone bare-drift seconds"),
];
