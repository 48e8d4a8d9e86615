// The cost of the CLI and Node alone: a program without resources.
import type { Contestant } from "./contestant.ts";
import { pulumiProgram } from "./pulumi-program.ts";

export const emptyProgram: Contestant = {
  name: "empty-program",
  title: "an empty Pulumi program",
  role: "floor",
  works: false,
  prepare: (given) =>
    pulumiProgram("bench/programs/empty.ts", given, { touches: { fresh: 0, again: 0, preview: 0 } }),
};
