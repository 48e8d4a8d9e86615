// Which versions of Keycloak check the audience; test/keycloak/audience-check.test.ts asks a real one.
import test from "ava";
import { checksAudience } from "./audience-check.ts";

for (const [version, checks] of [
  ["19.0.2", false],
  ["26.4.11", false],
  ["26.4.12", true],
  ["26.4.12.redhat-00001", true],
  ["26.5.7", false],
  ["26.6.1", false],
  ["26.6.2", true],
  ["26.7.0", true],
  ["27.0.0", true],
  ["999.0.0-SNAPSHOT", true],
  ["nightly", undefined],
] as const) {
  test(`Keycloak ${version}: ${checks ?? "not known"}`, (t) => {
    t.is(checksAudience(version), checks);
  });
}
