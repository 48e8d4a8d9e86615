// The engine's floor: as many dynamic resources as ours, in the same components, whose provider does nothing.
import type { Contestant } from "./contestant.ts";
import { pulumiProgram } from "./pulumi-program.ts";

export const idleResources: Contestant = {
  name: "idle-resources",
  title: "as many dynamic resources that do nothing",
  role: "floor",
  works: false,
  prepare: (given) =>
    pulumiProgram("bench/programs/idle-resources.ts", given, {
      touches: { fresh: 6, again: 0, preview: 0, destroy: 6 },
    }),
};
