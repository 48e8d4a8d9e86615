// A realm with nothing in it but the client: one `up` makes it ready, a second changes nothing, `destroy` leaves the realm
// as it was.
import test from "ava";
import { TestRealm } from "../../rig/keycloak/realm.ts";
import { TestProject } from "../../rig/pulumi/project.ts";

test("one up makes a fresh realm ready, a second changes nothing, destroy leaves it as found", async (t) => {
  const realm = await TestRealm.create();
  const project = await TestProject.create();
  const stack = await project.stack("fresh", { realm: realm.name, customerPassword: "s3cret pass" });
  const before = await realm.snapshot();

  const plans = await stack.forecast();
  t.deepEqual(
    plans
      .filter(({ name }) => name.startsWith(`${realm.name}-`))
      .map(({ name, plan }) => [name, plan])
      .toSorted(),
    ["audience", "password", "role", "role-mappings", "token", "user"].map((child) => [
      `${realm.name}-${child}`,
      "create",
    ]),
  );
  t.deepEqual(await realm.snapshot(), before, "a preview changes nothing");

  const up = await stack.up();
  t.is(up.exitCode, 0, up.output);
  const enablement = (await stack.outputs()).enablements[realm.name];
  t.deepEqual(enablement.adopted, {
    audience: false,
    user: false,
    password: false,
    role: false,
    "role-mappings": false,
  });
  t.true(enablement.token.audiences.includes("cim"));
  t.is((await realm.directGrant("s3cret pass")).token_type, "Bearer");

  const again = await stack.run("preview", "--expect-no-changes");
  t.is(again.exitCode, 0, again.output);

  const destroyed = await stack.destroy();
  t.is(destroyed.exitCode, 0, destroyed.output);
  t.deepEqual(await realm.snapshot(), before);
  t.notRegex(destroyed.output, /warning/i);
  await project.delete();
  await realm.delete();
});
