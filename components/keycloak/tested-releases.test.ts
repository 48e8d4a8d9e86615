// Which versions of Keycloak are worth a warning.
import test from "ava";
import { untested } from "./tested-releases.ts";

for (const [version, how] of [
  ["17.0.1", "older"],
  ["18.0.2", undefined],
  ["21.1.0", undefined],
  ["26.0.8.redhat-00001", undefined],
  ["26.7.9", undefined],
  ["26.8.0", "newer"],
  ["27.0.0", "newer"],
  ["nightly", undefined],
  ["999.0.0-SNAPSHOT", "newer"],
] as const) {
  test(`Keycloak ${version}: ${how ?? "no warning"}`, (t) => {
    t.is(untested(version), how);
  });
}
