// What must hold on every Keycloak. `npm test` runs it on the one that CX ships, `npm run test:matrix` on each release.

/** Through the real CLI: fresh realm, second up, adoption of realms configured by hand, drift and repair, destroy, own realm. */
export const throughTheCli = ["fresh-realm", "adopt", "drift", "owned-realm"].map(
  (name) => `test/cli/${name}.test.ts`,
);

/** The property test of drift, with this many combinations. */
export const drift = { file: "test/properties/drift.test.ts", runs: 20 };

/** What must not happen to accounts, on a realm of each release. */
export const accounts = [
  "kinds/user",
  "kinds/password",
  "kinds/realm-role",
  "keycloak/rights",
  "keycloak/profile-preview",
].map((name) => `test/${name}.test.ts`);

/** Only these tests: the others of drift take longer than all of them. */
export const titles = [
  "one up makes a fresh realm ready*",
  "a realm that *",
  "watching*",
  "ownRealm*",
  "*combinations of drift*",
  "a lock that ends by itself*",
  "correcting a locked user*",
  "renamed by hand*",
  "where the email address is the username*",
  "an email address that another user has*",
  "destroy leaves a role of ours*",
  "who may not see*",
  "correcting and restoring a user keeps*",
];
