// A user's owner mark is the label of its password credential. The user can edit it, and must gain nothing by that.
import test from "ava";
import { markOf } from "../../components/ensure/marks.ts";
import { server } from "../../rig/keycloak/realm.ts";
import { Corner, configured, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

/** Edits the label as the user does in the account console. */
async function relabel(corner: Corner, label: string): Promise<void> {
  const { access_token } = await corner.realm.directGrant(configured, corner.username);
  const { id } = await corner.passwordCredential();
  const address = `${server.address}/realms/${corner.realm.name}/account/credentials/${id}/label`;
  const response = await fetch(address, {
    method: "PUT",
    headers: { authorization: `Bearer ${access_token}`, "content-type": "application/json" },
    body: JSON.stringify(label),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}

for (const [what, forged] of [
  ["the bare word", (mark: string) => `${mark} (created)`],
  ["the mark as the key", (mark: string) => `${mark} (created ${mark})`],
  ["the key of a planted mark", (mark: string) => `${mark} (created a key of my own)`],
  ["the mark's hash as the key", (mark: string) => `${mark} (created ${mark.split(" ")[1]})`],
] as const) {
  test.serial(`an adopted user that claims to be ours with ${what} is not deleted`, async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser({ emailVerified: false });
    // A mark from before the adoption proves nothing either.
    await relabel(corner, markOf("a key of my own"));
    const stack = new Stack();
    await stack.up(corner.customer(), corner.password());
    const { userLabel } = await corner.passwordCredential();
    await relabel(corner, forged(userLabel));
    t.is((await corner.passwordCredential()).userLabel, forged(userLabel));
    await stack.destroy();
    t.truthy(await corner.user());
    t.regex(warned().join("\n"), /left in place, because/);
  });
}
