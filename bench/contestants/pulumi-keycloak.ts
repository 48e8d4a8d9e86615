// The same objects with @pulumi/keycloak alone. It compares with its state, so it needs `--refresh` to see drift.
import type { Contestant } from "./contestant.ts";
import { pulumiProgram } from "./pulumi-program.ts";

export const pulumiKeycloak: Contestant = {
  name: "pulumi-keycloak",
  title: "@pulumi/keycloak",
  role: "peer",
  works: true,
  prepare: (given) =>
    pulumiProgram("bench/programs/pulumi-keycloak.ts", given, {
      touches: { fresh: 4, again: 0, preview: 0, drift: 1, destroy: 4 },
      preview: ["--refresh"],
    }),
};
