// The contestants.
import { keycloakApisixCold, pulumiKeycloakCold } from "./cold.ts";
import { configCli } from "./config-cli.ts";
import type { Contestant } from "./contestant.ts";
import { emptyProgram } from "./empty-program.ts";
import { idleResources } from "./idle-resources.ts";
import { kcadm } from "./kcadm.ts";
import { keycloakApisix } from "./keycloak-apisix.ts";
import { pulumiKeycloak } from "./pulumi-keycloak.ts";

export const contestants: readonly Contestant[] = [
  keycloakApisix,
  pulumiKeycloak,
  configCli,
  kcadm,
  idleResources,
  emptyProgram,
  keycloakApisixCold,
  pulumiKeycloakCold,
];
