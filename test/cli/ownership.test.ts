// Nothing may get lost when components are renamed, removed or reordered, when somebody recreates objects by hand, or when
// two stacks share a realm. Each case ends with the realm as it was found, or with a warning that names what stays.
import test from "ava";
import { changeUser, doByHand, withoutPasswords } from "../../rig/keycloak/by-hand.ts";
import { TestRealm } from "../../rig/keycloak/realm.ts";
import {
  differences,
  given,
  password,
  sameRealm,
  succeeded,
  warnings,
  withoutMarks,
} from "../support/given.ts";

/** A user's own program with components of these names; a name may come with source for its options. */
const program = (realm: string, ...names: string[]) => `
import * as pulumi from "@pulumi/pulumi";
import { ApisixEnablement } from "keycloak-apisix";
const customerPassword = new pulumi.Config("keycloak-apisix").requireSecret("customerPassword");
${names
  .map((name) => {
    const [first, options = ""] = name.split("|");
    return `new ApisixEnablement(${JSON.stringify(first)}, { realm: ${JSON.stringify(realm)}, customerPassword }, {${options}});`;
  })
  .join("\n")}
`;

test.serial(
  "renamed or moved without an alias: nothing is lost; with an alias: nothing happens",
  async (t) => {
    const { realm, project, stack } = await given(t);
    const before = await realm.snapshot();
    await project.setProgram(program(realm.name, "first"));
    succeeded(t, await stack.up());
    const enabled = await realm.snapshot();

    await project.setProgram(program(realm.name, "second"));
    const renamed = await stack.up();
    succeeded(t, renamed);
    t.deepEqual(warnings(renamed.output), []);
    t.true(await realm.canLogIn(password));
    sameRealm(t, withoutMarks(await realm.snapshot()), withoutMarks(enabled));
    succeeded(t, await stack.preview("--expect-no-changes"));

    await project.setProgram(program(realm.name, 'third|aliases: [{ name: "second" }]'));
    const marked = await realm.snapshot();
    succeeded(t, await stack.up());
    sameRealm(t, await realm.snapshot(), marked);

    const parent = 'parent: new pulumi.ComponentResource("cx:index:Tenant", "tenant")';
    await project.setProgram(program(realm.name, `third|${parent}`));
    const moved = await stack.up();
    succeeded(t, moved);
    t.deepEqual(warnings(moved.output), []);
    sameRealm(t, withoutMarks(await realm.snapshot()), withoutMarks(marked));
    succeeded(t, await stack.preview("--expect-no-changes"));

    const destroyed = await stack.destroy();
    succeeded(t, destroyed);
    sameRealm(t, await realm.snapshot(), before);
    t.deepEqual(warnings(destroyed.output), []);
  },
);

test.serial(
  "renamed on an adopted realm: it stays ready, and up names what destroy can no longer restore",
  async (t) => {
    const { realm, project, stack } = await given(t);
    await doByHand(realm, password);
    await changeUser(realm, { emailVerified: false });
    const before = await realm.snapshot();
    await project.setProgram(program(realm.name, "first"));
    succeeded(t, await stack.up());
    t.true((await realm.user()).emailVerified);

    await project.setProgram(program(realm.name, "second"));
    const renamed = await stack.up();
    succeeded(t, renamed);
    t.true(
      (await realm.user()).emailVerified,
      "deleting the old name must not undo what the new name has taken over",
    );
    const said = warnings(renamed.output);
    t.is(said.length, 1, renamed.output);
    t.regex(said[0] ?? "", /User 'customer'.*emailVerified.*aliases/);

    // Removing the component from the program equals a destroy.
    await project.setProgram("export {};\n");
    succeeded(t, await stack.up());
    const left = withoutPasswords(await realm.snapshot());
    t.deepEqual(differences(withoutPasswords(before), left), ["users.0.emailVerified: false → true"]);
  },
);

test.serial("renamed with an alias on an adopted realm: destroy restores what was found", async (t) => {
  const { realm, project, stack } = await given(t);
  await doByHand(realm, password);
  await changeUser(realm, { emailVerified: false });
  const before = await realm.snapshot();
  await project.setProgram(program(realm.name, "first"));
  succeeded(t, await stack.up());
  await project.setProgram(program(realm.name, 'second|aliases: [{ name: "first" }]'));
  succeeded(t, await stack.up());
  await project.setProgram("export {};\n");
  const removed = await stack.up();
  succeeded(t, removed);
  sameRealm(t, withoutPasswords(await realm.snapshot()), withoutPasswords(before));
  t.deepEqual(warnings(removed.output), []);
});

test.serial(
  "destroy leaves objects that were recreated by hand, with a warning that names each",
  async (t) => {
    const { realm, stack } = await given(t);
    succeeded(t, await stack.up());
    await realm.admin("DELETE", `/users/${(await realm.user()).id}`);
    await realm.admin("DELETE", "/roles/customer");
    const client = await realm.client();
    await realm.admin("DELETE", `/clients/${client.id}/protocol-mappers/models/${(await realm.mapper()).id}`);
    await doByHand(realm, "somebody's own");
    const byHand = await realm.snapshot();

    const destroyed = await stack.destroy();
    succeeded(t, destroyed);
    sameRealm(t, await realm.snapshot(), byHand);
    const said = warnings(destroyed.output);
    for (const name of ["user 'customer'", "realm role 'customer'", "audience mapper 'fix-audience'"]) {
      t.true(
        said.some((warning) => warning.toLowerCase().includes(name) && /made it again/.test(warning)),
        `${name} in: ${said.join("\n")}`,
      );
    }
  },
);

for (const order of ["first", "last"] as const) {
  test.serial(`two stacks on one realm: the other keeps working without the ${order}`, async (t) => {
    const { realm, project, stack: one } = await given(t);
    const two = await project.stack("two", { realm: realm.name, customerPassword: password });
    const before = await realm.snapshot();
    succeeded(t, await one.up());
    succeeded(t, await two.up());
    const [leaving, staying] = order === "first" ? [one, two] : [two, one];

    const left = await leaving.destroy();
    succeeded(t, left);
    t.true(await realm.canLogIn(password), "the other stack's customer still gets a token");
    succeeded(t, await staying.up("--expect-no-changes"));

    const enabled = await realm.snapshot();
    succeeded(t, await staying.destroy());
    if (order === "last") {
      t.deepEqual(warnings(left.output), []);
      sameRealm(t, await realm.snapshot(), before);
      return;
    }
    // The stack that created everything left it to the other, and said so; the other found everything in place.
    for (const name of ["user 'customer'", "realm role 'customer'", "audience mapper 'fix-audience'"]) {
      t.true(
        warnings(left.output).some((said) => said.toLowerCase().includes(name)),
        left.output,
      );
    }
    sameRealm(t, withoutMarks(await realm.snapshot()), withoutMarks(enabled));
  });
}

test.serial("destroy leaves a role that another user has been given, with a warning", async (t) => {
  const { realm, stack } = await given(t);
  await realm.admin("POST", "/users", { username: "other", enabled: true });
  succeeded(t, await stack.up());
  const other = await realm.user("other");
  await realm.admin("POST", `/users/${other.id}/role-mappings/realm`, [await realm.role()]);
  const destroyed = await stack.destroy();
  succeeded(t, destroyed);
  t.truthy(await realm.role());
  t.deepEqual((await realm.mappedRoles("other")).includes("customer"), true);
  t.true(
    warnings(destroyed.output).some((said) => said.includes("role 'customer'") && said.includes("'other'")),
  );
  t.is(await realm.user(), undefined);
});

test.serial(
  "moving a realm into the list of tenants and reordering it changes nothing; removing a tenant restores its realm",
  async (t) => {
    const { realm: first, stack } = await given(t);
    const second = await TestRealm.create();
    t.teardown(() => second.delete());
    await doByHand(second, password);
    const before = await second.snapshot();
    const tenants = (...realms: TestRealm[]) =>
      stack.setObject(
        "tenants",
        realms.map(({ name }) => ({ realm: name })),
      );
    succeeded(t, await stack.up());
    await tenants(first);
    succeeded(t, await stack.preview("--expect-no-changes"));
    await tenants(first, second);
    succeeded(t, await stack.up());
    t.deepEqual(
      Object.keys((await stack.outputs()).enablements).toSorted(),
      [first.name, second.name].toSorted(),
    );
    await tenants(second, first);
    succeeded(t, await stack.preview("--expect-no-changes"));

    await tenants(first);
    const enabled = await first.snapshot();
    succeeded(t, await stack.up());
    sameRealm(t, await first.snapshot(), enabled);
    sameRealm(t, withoutPasswords(await second.snapshot()), withoutPasswords(before));
  },
);
