// `npm stop`: stops this clone's Keycloak, whichever releases of it run, and keeps their data.

import { failWith } from "../rig/console/steps.ts";
import { stopLocalKeycloaks } from "../rig/keycloak/local.ts";

try {
  console.log(
    (await stopLocalKeycloaks())
      ? "Keycloak is stopped; its data stays."
      : "This clone's Keycloak is not running.",
  );
} catch (error) {
  failWith(error);
}
