// `npm stop`: stops this clone's Keycloak and keeps its data.

import { failWith } from "../rig/console/steps.ts";
import { stopLocalKeycloak } from "../rig/keycloak/local.ts";

try {
  console.log(
    (await stopLocalKeycloak())
      ? "Keycloak is stopped; its data stays."
      : "This clone's Keycloak is not running.",
  );
} catch (error) {
  failWith(error);
}
