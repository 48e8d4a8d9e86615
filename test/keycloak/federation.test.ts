// A customer from a read-only user federation: what can be ensured is ensured, and an error names the rest.
import test, { type ExecutionContext } from "ava";
import { TestRealm } from "../../rig/keycloak/realm.ts";
import { federate, startDirectory } from "../../rig/servers/directory.ts";
import { asBefore, Corner, configured, perhapsReplaced, warned } from "../support/corner.ts";
import { Stack } from "../support/engine.ts";

/** A realm whose customer has this password in the directory. */
async function federated(t: ExecutionContext, password: string): Promise<Corner> {
  const realm = await TestRealm.create();
  t.teardown(() => realm.delete());
  const corner = new Corner(realm);
  const directory = await startDirectory(corner.username, password);
  t.teardown(directory.stop);
  await federate(realm, directory.address);
  await realm.noteWrites();
  warned();
  return corner;
}

test.serial("with the configured password: adopted, verified, checked for drift, and restored", async (t) => {
  const corner = await federated(t, configured);
  const before = { ...(await corner.user()), attributes: undefined };
  const program = [...corner.all(), corner.tokenCheck()];
  const stack = new Stack();
  const plans = await stack.preview(...program);
  t.deepEqual(
    plans.map(({ name, plan, corrects }) => [name, plan, corrects]),
    [
      ["audience", "create", undefined],
      ["role", "create", undefined],
      ["user", "adopt", { emailVerified: "false, should be true" }],
      ["password", "adopt", perhapsReplaced],
      ["role-mappings", "create", undefined],
      ["token", "create", undefined],
    ],
  );
  await stack.up(...program);
  t.truthy(stack.outs("token").token);
  t.deepEqual(await corner.writes(() => stack.up(...program)), []);
  t.deepEqual(await stack.preview(...program), []);
  await stack.destroy();
  asBefore(t, { ...(await corner.user()), attributes: undefined }, before);
  t.deepEqual(warned(), []);
});

test.serial(
  "with another password: the error says so, nothing is lost, and the next up continues",
  async (t) => {
    const corner = await federated(t, "the directory's");
    const before = { ...(await corner.user()), attributes: undefined };
    const stack = new Stack();
    const error = await t.throwsAsync(stack.up(...corner.all()));
    t.regex(
      error.message,
      /^Setting the password of user .* failed: Keycloak answered 400 .*read-only user federation: set the configured password there/,
    );
    const configuredAnew = corner
      .all()
      .map((declared) =>
        declared.kind === "password"
          ? { ...declared, inputs: { ...declared.inputs, password: "the directory's" } }
          : declared,
      );
    await stack.up(...configuredAnew);
    t.deepEqual(await stack.preview(...configuredAnew), []);
    await stack.destroy();
    asBefore(t, { ...(await corner.user()), attributes: undefined }, before);
  },
);

test.serial("imported anew, under another id: shown once, ensured again, and left by destroy", async (t) => {
  const corner = await federated(t, configured);
  const program = [...corner.all(), corner.tokenCheck()];
  const stack = new Stack();
  await stack.up(...program);
  const { id } = await corner.user();
  const [federation] = await corner.realm.admin("GET", "/components?name=directory");
  await corner.realm.admin("POST", `/user-storage/${federation.id}/remove-imported-users`);
  t.not((await corner.user()).id, id);
  const shown = (await stack.preview(...program)).find(({ name }) => name === "user");
  t.is(shown?.drift?.user, "made anew outside this stack");
  await stack.up(...program);
  t.deepEqual(await stack.preview(...program), []);
  t.deepEqual(await corner.writes(() => stack.up(...program)), []);
  await stack.destroy();
  t.truthy(await corner.user());
});

test.serial("a configured profile is refused in the preview, because nobody can write it", async (t) => {
  const corner = await federated(t, configured);
  // Keycloak takes its copy of the user at first sight.
  await corner.user();
  const before = await corner.realm.snapshot();
  for (const profile of [{ firstName: "Else" }, { email: "else@cx.example" }]) {
    await t.throwsAsync(new Stack().preview(corner.customer({ profile })), {
      message: new RegExp(
        `^user: Setting ${Object.keys(profile)} of user '.*' cannot work: .* read-only user federation 'directory'; set it there`,
      ),
    });
  }
  asBefore(t, await corner.realm.snapshot(), before);
});
