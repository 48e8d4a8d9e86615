// `npm stop`: stops this clone's Keycloak; its data stays.

import { stopLocalKeycloak } from "./local-keycloak.ts";
import { failWith } from "./steps.ts";

try {
  console.log(
    (await stopLocalKeycloak())
      ? "Keycloak is stopped; its data stays."
      : "No Keycloak of this clone is running.",
  );
} catch (error) {
  failWith(error);
}
