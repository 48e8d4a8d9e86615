// The lifecycle of an object in memory: what is adopted, created, corrected, left alone and restored.
import test from "ava";
import { Failure } from "../failure.ts";
import { Holders } from "./holders.ts";
import { isMark } from "./marks.ts";
import { isReady, MemoryRealm, Resource } from "./testing/memory.ts";

const wants = { a: "1", b: "2" };

function given(wanted = wants): { realm: MemoryRealm; resource: Resource; another: () => Resource } {
  const realm = new MemoryRealm();
  const another = () => new Resource(() => realm, wanted);
  return { realm, resource: another(), another };
}

test("a missing object is planned, created with our mark, and removed by destroy", async (t) => {
  const { realm, resource } = given();
  t.deepEqual(await resource.preview(), { plan: "create", changes: true });
  await resource.up();
  const object = realm.objects.get("x");
  t.true(isReady(object, wants));
  t.true(isMark(object?.mark));
  t.false(resource.recorded?.adopted);
  t.deepEqual(await resource.preview(), { drift: {}, changes: false });
  await resource.destroy();
  t.is(realm.objects.size, 0);
  t.deepEqual(resource.said, []);
});

test("a correct object is adopted and left alone, without a write", async (t) => {
  const { realm, resource } = given();
  const { id } = realm.make("x", { ...wants, other: "kept" }, "a person");
  const before = realm.snapshot();
  t.deepEqual(await resource.preview(), { plan: "adopt", corrects: {}, trace: id, changes: true });
  await resource.up();
  await resource.destroy();
  t.deepEqual(realm.writes, []);
  t.deepEqual(realm.snapshot(), before);
});

test("a wrong object is corrected, field by field, and restored by destroy", async (t) => {
  const { realm, resource } = given();
  realm.make("x", { a: "9", other: "kept" }, "a person", "my laptop");
  const before = realm.snapshot();
  t.like(await resource.preview(), {
    plan: "adopt",
    corrects: { a: "9, should be 1", b: "not set, should be 2" },
  });
  await resource.up();
  t.deepEqual(realm.objects.get("x")?.fields, { ...wants, other: "kept" });
  t.true(resource.recorded?.adopted);
  await resource.destroy();
  t.deepEqual(realm.snapshot(), before);
});

test("only the drifted field is shown and corrected; destroy still restores what was found first", async (t) => {
  const { realm, resource } = given();
  const object = realm.make("x", { a: "9", b: "2" }, "a person");
  await resource.up();
  object.fields = { ...object.fields, b: "changed" };
  t.like(await resource.preview(), { drift: { b: "changed, should be 2" }, changes: true });
  await resource.up();
  t.true(isReady(object, wants));
  t.deepEqual(await resource.preview(), { drift: {}, trace: object.id, changes: false });
  await resource.destroy();
  t.deepEqual(object.fields, { a: "9", b: "2" });
});

test("what somebody has set meanwhile, and the program then asks for, stays after destroy", async (t) => {
  const { realm, resource } = given();
  const object = realm.make("x", { a: "9", b: "9" }, "a person");
  await resource.up();
  object.fields = { ...object.fields, b: "theirs" };
  resource.inputs = { ...resource.inputs, wants: { a: "1", b: "theirs" } };
  await resource.up();
  await resource.destroy();
  t.deepEqual(object.fields, { a: "9", b: "theirs" });
});

test("a deleted object is shown as missing, and recreated", async (t) => {
  const { realm, resource } = given();
  await resource.up();
  realm.objects.clear();
  t.deepEqual(await resource.preview(), { drift: { thing: "missing" }, changes: true });
  await resource.up();
  t.true(isReady(realm.objects.get("x"), wants));
  await resource.destroy();
  t.is(realm.objects.size, 0);
});

test("a deleted object leaves the state with a refresh, and destroy has nothing to do", async (t) => {
  const { realm, resource, another } = given();
  await resource.up();
  const second = another();
  await second.up();
  realm.objects.clear();
  await resource.refresh();
  t.is(resource.recorded, undefined);
  await second.destroy();
  t.deepEqual(second.said, []);
});

test("a realm that is gone fails a preview, and a refresh drops its objects from the state", async (t) => {
  const { realm, resource } = given();
  await resource.up();
  realm.objects.clear();
  realm.make("no realm", {}, "a person");
  await t.throwsAsync(resource.preview(), { message: "no realm" });
  await resource.refresh();
  t.is(resource.recorded, undefined);
});

test("recreated by hand: shown, left alone by destroy, adopted by up", async (t) => {
  const { realm, resource, another } = given();
  await resource.up();
  realm.objects.clear();
  realm.make("x", wants, "a person");
  t.deepEqual((await resource.preview()).drift, { thing: "made anew outside this stack" });
  const killed = another();
  killed.recorded = resource.recorded;
  await killed.destroy();
  t.regex(killed.said.join(), /^Thing 'x' in realm 'cx' at .*: left in place, because somebody deleted it/);
  await resource.up();
  t.deepEqual((await resource.preview()).drift, {});
  await resource.destroy();
  t.is(realm.objects.get("x")?.madeBy, "a person");
});

test("renamed by hand: told by a preview, kept by a refresh, refused by up, named by destroy", async (t) => {
  const { realm, resource } = given();
  await resource.up();
  realm.rename("x", "y");
  t.deepEqual(await resource.preview(), { drift: { thing: "missing" }, changes: true });
  t.regex(
    resource.said.splice(0).join(),
    /^Thing 'x' .*: it was renamed, and is now thing 'y': rename it back, or/,
  );
  await t.throwsAsync(resource.up(), { message: /^Ensuring thing 'x' .* renamed, and is now thing 'y'/ });
  t.deepEqual([...realm.objects.keys()], ["y"], "no second one");
  resource.said.length = 0;
  await resource.refresh();
  t.truthy(resource.recorded);
  await resource.destroy();
  t.deepEqual([...realm.objects.keys()], ["y"]);
  t.regex(resource.said.join(), /left in place, because it was renamed, and is now thing 'y'/);
});

test("renamed, and followed by the program: held on to, and removed by destroy", async (t) => {
  const { realm, resource } = given();
  await resource.up();
  realm.rename("x", "y");
  const follows = new Resource(() => realm, wants, "y");
  const run = new Holders();
  await follows.up(run);
  await resource.destroy(run);
  t.deepEqual(resource.said, []);
  await follows.destroy();
  t.is(realm.objects.size, 0);
});

test("renamed, and another one made under the old name: that one is adopted, and a preview says so", async (t) => {
  const { realm, resource } = given();
  await resource.up();
  realm.rename("x", "y");
  realm.make("x", {}, "a person");
  await resource.preview();
  t.regex(resource.said.splice(0).join(), /is now thing 'y': it is left as it is, and this stack adopts/);
  await resource.up();
  t.true(isReady(realm.objects.get("x"), wants));
  await resource.destroy();
  t.deepEqual([...realm.objects.keys()].toSorted(), ["x", "y"]);
  t.deepEqual(realm.objects.get("x")?.fields, {});
});

test("a part whose owner was renamed: destroy restores nothing on it, and says where it is", async (t) => {
  const realm = new MemoryRealm();
  const object = realm.make("x", {}, "a person");
  object.part = { value: "somebody's", since: 1 };
  const resource = new Resource(() => realm, { value: "ours" }, "x", true);
  await resource.up();
  realm.rename("x", "y");
  await resource.destroy();
  t.regex(resource.said.join(), /is now part of thing 'y'/);
});

test("adopted without a change, then recreated by hand: shown even without a mark", async (t) => {
  const { realm, resource } = given();
  realm.make("x", wants, "a person");
  await resource.up();
  realm.objects.clear();
  realm.make("x", wants, "a person");
  t.deepEqual((await resource.preview()).drift, { thing: "made anew outside this stack" });
});

test("a create that failed after it took effect is recognised by its mark, and finished", async (t) => {
  const { realm, resource } = given();
  realm.instead = (go) => {
    go();
    throw new Failure("no answer", { meaning: "unclear" });
  };
  await t.throwsAsync(resource.up(), { message: "no answer" });
  t.is(resource.recorded?.id, "");
  await resource.up();
  t.false(resource.recorded?.adopted);
  t.deepEqual(realm.writes, ["create x"], "nothing is created twice");
  await resource.destroy();
  t.is(realm.objects.size, 0);
});

test("a create that failed, and somebody else's object in its place: left alone, with a warning", async (t) => {
  const { realm, resource } = given();
  realm.instead = () => {
    throw new Failure("no answer", { meaning: "unclear" });
  };
  await t.throwsAsync(resource.up());
  realm.make("x", wants, "a person");
  await resource.destroy();
  t.is(realm.objects.size, 1);
  t.regex(resource.said.join(), /creating it failed halfway, and it does not carry our owner mark/);
});

test("a create that is refused leaves nothing in the state", async (t) => {
  const { realm, resource } = given();
  realm.instead = () => {
    throw new Failure("forbidden");
  };
  await t.throwsAsync(resource.up(), { message: "forbidden" });
  t.is(resource.recorded, undefined);
});

test("somebody was faster: their object is adopted, and restored by destroy", async (t) => {
  const { realm, resource } = given();
  realm.instead = (go) => {
    realm.make("x", { a: "9" }, "a person");
    go();
  };
  await resource.up();
  t.true(resource.recorded?.adopted);
  t.true(isReady(realm.objects.get("x"), wants));
  await resource.destroy();
  t.deepEqual(realm.objects.get("x")?.fields, { a: "9" });
});

test("an adoption that fails halfway keeps the record of what was found", async (t) => {
  const { realm, resource } = given();
  const object = realm.make("x", { a: "9" }, "a person");
  realm.instead = (go) => {
    go();
    throw new Failure("connection reset");
  };
  await t.throwsAsync(resource.up(), { message: "connection reset" });
  await resource.up();
  await resource.destroy();
  t.deepEqual(object.fields, { a: "9" });
});

test("renamed in one run: the new holder takes over, and destroy leaves nothing", async (t) => {
  const { realm, resource: old, another } = given();
  await old.up();
  const [renamed, run] = [another(), new Holders()];
  await renamed.up(run);
  await old.destroy(run);
  t.true(isReady(realm.objects.get("x"), wants));
  t.deepEqual((await renamed.preview()).changes, false);
  await renamed.refresh();
  await renamed.destroy();
  t.is(realm.objects.size, 0);
  t.deepEqual([...old.said, ...renamed.said], []);
});

test("renamed twice: destroy still removes what was created", async (t) => {
  const { realm, resource: first, another } = given();
  await first.up();
  let last = first;
  for (let round = 0; round < 2; round += 1) {
    const [next, run] = [another(), new Holders()];
    await next.up(run);
    await last.destroy(run);
    last = next;
  }
  await last.destroy();
  t.is(realm.objects.size, 0);
});

test("renamed with a refresh in the same run: what was found is inherited, and restored", async (t) => {
  const { realm, resource: old, another } = given();
  const object = realm.make("x", { a: "9" }, "a person");
  await old.up();
  const [renamed, run] = [another(), new Holders()];
  await old.refresh(run);
  await renamed.up(run);
  await old.destroy(run);
  await renamed.destroy();
  t.deepEqual(object.fields, { a: "9" });
  t.deepEqual([...old.said, ...renamed.said], []);
});

test("renamed without a refresh: a warning names the changes that nobody can undo any more", async (t) => {
  const { realm, resource: old, another } = given();
  realm.make("x", { a: "9" }, "a person");
  await old.up();
  const [renamed, run] = [another(), new Holders()];
  await renamed.up(run);
  await old.destroy(run);
  t.regex(old.said.join(), /destroy will not put back: a, b\./);
});

for (const stays of ["first", "second"] as const) {
  test(`declared twice, and only the ${stays} stays: it loses nothing, and its destroy leaves nothing`, async (t) => {
    const { realm, resource: first, another } = given();
    const [second, run] = [another(), new Holders()];
    await first.up(run);
    await second.up(run);
    const [kept, dropped] = stays === "first" ? [first, second] : [second, first];
    const next = new Holders();
    await kept.up(next);
    await dropped.destroy(next);
    t.true(isReady(realm.objects.get("x"), wants));
    await kept.destroy();
    t.is(realm.objects.size, 0);
  });
}

test("two stacks: destroying the first takes nothing away from the second", async (t) => {
  const { realm, resource: first, another } = given();
  await first.up();
  const second = another();
  await second.up();
  t.false((await first.preview()).changes);
  await first.destroy();
  t.regex(first.said.join(), /another stack has adopted it since/);
  t.true(isReady(realm.objects.get("x"), wants));
  await second.destroy();
  t.true(realm.objects.has("x"), "the second did not create it");
});

test("two stacks: with the second destroyed, the first still removes what it created", async (t) => {
  const { realm, resource: first, another } = given();
  await first.up();
  const second = another();
  await second.up();
  await second.destroy();
  await first.destroy();
  t.is(realm.objects.size, 0);
});

test("forging the mark gains nothing: destroy removes no adopted object", async (t) => {
  const { realm, resource } = given();
  const object = realm.make("x", { a: "9" }, "a person");
  await resource.up();
  for (const text of [`${object.mark} (created)`, `${object.mark} (created ${object.mark})`]) {
    const attacked = new Resource(() => realm, wants);
    attacked.recorded = resource.recorded;
    object.mark = text;
    await attacked.destroy();
    t.true(realm.objects.has("x"), text);
    t.regex(attacked.said.join(), /another stack has adopted it since|our owner mark on it is gone/);
  }
});

test("an object that others use is left alone, and they are named", async (t) => {
  const { realm, resource } = given();
  await resource.up();
  const object = realm.objects.get("x");
  if (object) object.usedBy = "users have it ('jane')";
  await resource.destroy();
  t.regex(resource.said.join(), /left in place, because users have it \('jane'\)/);
  t.true(realm.objects.has("x"));
});

test("another server: adopted there, and nothing on the earlier one is touched", async (t) => {
  const [here, there] = [new MemoryRealm(), new MemoryRealm("https://elsewhere.example.com")];
  let now = here;
  const resource = new Resource(() => now, wants);
  await resource.up();
  const before = here.snapshot();
  now = there;
  there.make("x", { a: "9" }, "a person");
  t.true((await resource.preview()).changes);
  await resource.up();
  t.true(resource.recorded?.adopted);
  await resource.destroy();
  t.deepEqual(there.objects.get("x")?.fields, { a: "9" });
  t.deepEqual(here.snapshot(), before);
});

test("destroyed while the stack talks to another server: left alone, and both are named", async (t) => {
  const [here, there] = [new MemoryRealm(), new MemoryRealm("https://elsewhere.example.com")];
  let now = here;
  const resource = new Resource(() => now, wants);
  await resource.up();
  now = there;
  await resource.destroy();
  t.regex(resource.said.join(), /it lives on https:\/\/keycloak.* now talks to https:\/\/elsewhere/);
  t.true(here.objects.has("x"));
});

test("a missing part is set, and removed by destroy; its owner stays", async (t) => {
  const realm = new MemoryRealm();
  const resource = new Resource(() => realm, { value: "secret" }, "x", true);
  const owner = realm.make("x", {}, "a person");
  t.like(await resource.preview(), { plan: "create" });
  await resource.up();
  t.is(owner.part?.value, "secret");
  await resource.destroy();
  t.is(owner.part, undefined);
  t.true(realm.objects.has("x"));
});

test("a correct part is left alone, a wrong one is replaced, and destroy says that this stays", async (t) => {
  const realm = new MemoryRealm();
  const resource = new Resource(() => realm, { value: "secret" }, "x", true);
  const owner = realm.make("x", {}, "a person");
  owner.part = { value: "secret", since: 5 };
  await resource.up();
  t.deepEqual(realm.writes, []);
  owner.part = { value: "another", since: 7 };
  t.deepEqual((await resource.preview()).drift, { part: "reset at 7" });
  await resource.up();
  t.is(owner.part?.value, "secret");
  await resource.destroy();
  t.regex(resource.said.join(), /part was not put back, because it cannot be read/);
});

test("a part without its owner: an error says so, and nothing is created", async (t) => {
  const realm = new MemoryRealm();
  const resource = new Resource(() => realm, { value: "secret" }, "x", true);
  await t.throwsAsync(resource.up(), {
    message: /^Ensuring part of thing 'x' in realm 'cx' at .* failed: the thing is not there/,
  });
  t.is(resource.recorded, undefined);
});
