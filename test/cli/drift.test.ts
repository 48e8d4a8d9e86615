// Drift, as it appears to a user who watches a realm with `pulumi preview` alone.
import test from "ava";
import { changeMapper, changeUser, resetPassword, unmapRoles } from "../../rig/keycloak/by-hand.ts";
import type { TestRealm } from "../../rig/keycloak/realm.ts";
import type { Step } from "../../rig/pulumi/project.ts";
import { given, password, succeeded } from "../support/given.ts";

/** A test causes several at once, on different children; test/properties/drift.test.ts tries any combination. */
interface Drift {
  /** What somebody did. */
  readonly what: string;
  readonly cause: (realm: TestRealm) => Promise<void>;
  /** Children that must show the drift, each with the field and the essential words. */
  readonly told: Readonly<Record<string, readonly [field: string, words: RegExp]>>;
  readonly repaired: (realm: TestRealm) => Promise<boolean>;
}

const fields: readonly Drift[] = [
  {
    what: "a claim of the Audience mapper switched off",
    cause: (realm) => changeMapper(realm, { "access.token.claim": "false" }),
    told: { audience: ["access.token.claim", /false, should be true/] },
    repaired: async (realm) => (await realm.mapper()).config["access.token.claim"] === "true",
  },
  {
    what: "the user disabled",
    cause: (realm) => changeUser(realm, { enabled: false }),
    told: { user: ["enabled", /false, should be true/] },
    repaired: async (realm) => (await realm.user()).enabled,
  },
  {
    what: "the password reset to a temporary one",
    cause: (realm) => resetPassword(realm, "of somebody else", true),
    told: { password: ["password", /^reset on .* UTC, outside this stack$/] },
    repaired: (realm) => realm.canLogIn(password),
  },
  {
    what: "a role mapping removed",
    cause: (realm) => unmapRoles(realm, "offline_access"),
    told: { "role-mappings": ["offline_access", /not mapped/] },
    repaired: async (realm) => (await realm.mappedRoles()).includes("offline_access"),
  },
];

const deletions: readonly Drift[] = [
  {
    what: "the Audience mapper deleted",
    cause: async (realm) => {
      const [client, mapper] = await Promise.all([realm.client(), realm.mapper()]);
      await realm.admin("DELETE", `/clients/${client.id}/protocol-mappers/models/${mapper.id}`);
    },
    told: { audience: ["audienceMapper", /missing/] },
    repaired: async (realm) => (await realm.mapper()) !== undefined,
  },
  {
    what: "the realm role deleted, and the mapping with it",
    cause: (realm) => realm.admin("DELETE", "/roles/customer"),
    told: { role: ["realmRole", /missing/], "role-mappings": ["customer", /not mapped/] },
    repaired: async (realm) => (await realm.mappedRoles()).includes("customer"),
  },
];

const deletionOfUser: readonly Drift[] = [
  {
    what: "the user deleted, and everything that belongs to the user",
    cause: async (realm) => realm.admin("DELETE", `/users/${(await realm.user()).id}`),
    told: {
      user: ["user", /missing/],
      password: ["password", /missing/],
      "role-mappings": ["roleMappings", /missing/],
    },
    repaired: (realm) => realm.canLogIn(password),
  },
];

for (const [title, rounds] of [
  ["drift is shown in words, on the resource that drifted and no other, and repaired", [fields]],
  ["a deleted object is shown as missing and created again", [deletions, deletionOfUser]],
] as const) {
  test.serial(title, async (t) => {
    const { realm, stack } = await given(t);
    succeeded(t, await stack.up());
    for (const drifts of rounds) {
      for (const { what, cause, repaired } of drifts) {
        await cause(realm);
        t.false(await repaired(realm), what);
      }
      const shown = drifted(await stack.forecast(), realm);
      const children = drifts.flatMap(({ told }) => Object.keys(told));
      t.deepEqual(Object.keys(shown).toSorted(), children.toSorted());
      for (const { what, told } of drifts) {
        for (const [child, [field, words]] of Object.entries(told)) {
          t.regex(shown[child]?.[field] ?? "", words, `${what}: ${JSON.stringify(shown)}`);
        }
      }
      succeeded(t, await stack.up());
      for (const { what, repaired } of drifts) t.true(await repaired(realm), what);
    }
    succeeded(t, await stack.preview("--expect-no-changes"));
  });
}

test.serial("watching: quiet on a clean realm; exit code and words for drift, every time", async (t) => {
  const { realm, stack } = await given(t);
  succeeded(t, await stack.up());
  for (let round = 0; round < 2; round++) {
    const quiet = await stack.preview("--expect-no-changes");
    succeeded(t, quiet);
    t.notRegex(quiet.output, /drift|[~+-]\s+pulumi-nodejs/);
  }
  for (const round of ["first", "second"]) {
    await changeUser(realm, { emailVerified: false });
    const before = await realm.snapshot();
    const plain = await stack.preview();
    succeeded(t, plain);
    t.regex(plain.output, /customer|user/);
    t.regex(plain.output, /\[diff: [+~]drift/, round);
    const diff = await stack.preview("--diff", "--expect-no-changes");
    t.not(diff.exitCode, 0, diff.output);
    t.regex(
      diff.output,
      /emailVerified *: *"false, should be true|emailVerified.*=> "false, should be true/,
      round,
    );
    t.deepEqual(await realm.snapshot(), before, "a preview changes nothing");
    succeeded(t, await stack.up());
    t.true((await realm.user()).emailVerified);
  }
});

/** Drift by child. The token check runs after a repair, but has no drift of its own. */
function drifted(steps: readonly Step[], realm: TestRealm): Record<string, Record<string, string>> {
  return Object.fromEntries(
    steps.flatMap(({ name, drift }) => (drift ? [[name.replace(`${realm.name}-`, ""), drift]] : [])),
  );
}
