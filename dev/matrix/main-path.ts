// What must hold on every Keycloak. `npm test` runs it on the one that CX ships, `npm run test:matrix` on each release.

/** Through the real CLI: fresh realm, second up, adoption of realms configured by hand, drift and repair, destroy, own realm. */
export const throughTheCli = ["fresh-realm", "adopt", "drift", "owned-realm"].map(
  (name) => `test/cli/${name}.test.ts`,
);

/** The property test of drift, with this many combinations. */
export const drift = { file: "test/properties/drift.test.ts", runs: 20 };

/** Only these tests: the others of drift take longer than all of them. */
export const titles = [
  "one up makes a fresh realm ready*",
  "a realm that *",
  "watching*",
  "ownRealm*",
  "*combinations of drift*",
];
