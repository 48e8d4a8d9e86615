// This repository's program: one component a tenant, token check included.
import type { Contestant } from "./contestant.ts";
import { pulumiProgram } from "./pulumi-program.ts";

export const keycloakApisix: Contestant = {
  name: "keycloak-apisix",
  title: "keycloak-apisix",
  role: "ours",
  works: true,
  prepare: (given) =>
    pulumiProgram("index.ts", given, { touches: { fresh: 6, again: 0, preview: 0, drift: 1, destroy: 6 } }),
};
