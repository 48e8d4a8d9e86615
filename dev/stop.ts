// `npm stop`: stops this clone's Keycloak; its data stays.

import { failWith } from "../rig/console/steps.ts";
import { stopLocalKeycloak } from "../rig/keycloak/local.ts";

try {
  console.log(
    (await stopLocalKeycloak())
      ? "Keycloak is stopped; its data stays."
      : "No Keycloak of this clone is running.",
  );
} catch (error) {
  failWith(error);
}
