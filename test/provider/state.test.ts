// What the state keeps, as the engine hands it to the provider: `before` is one text, and was an object once.
import test from "ava";
import * as provider from "../../components/provider/index.ts";
import { asBefore, Corner, deleteRealm, sharedRealm } from "../support/corner.ts";
import { connection } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
  provider.configure((key) => connection[key]);
});
test.after.always(deleteRealm);

for (const [what, asKept] of [
  ["one text, as it is kept now", (before: string) => before],
  ["an object, as an earlier version has left it", (before: string) => JSON.parse(before)],
] as const) {
  test.serial(`what was found is put back from ${what}`, async (t) => {
    const corner = await Corner.of(t);
    await corner.makeUser({ enabled: false });
    const before = await corner.user();
    const { kind, inputs } = corner.customer();
    const { id, outs } = await provider.create({ ...inputs, kind });
    const kept = { ...outs, kind } as { kind: string; before: string };
    t.is(typeof kept.before, "string");
    t.true((await corner.user()).enabled);
    await provider.delete(id, { ...kept, before: asKept(kept.before) });
    asBefore(t, await corner.user(), before);
  });
}
