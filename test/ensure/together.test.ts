// Two stacks make the same realm ready at the same time: both succeed, and neither loses anything.
import test from "ava";
import { asBefore, Corner, configured, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

const rounds = 5;

test.serial(
  `two ups at once on an untouched realm, ${rounds} times: both succeed, and nothing exists twice`,
  async (t) => {
    for (let round = 0; round < rounds; round += 1) {
      const corner = await Corner.of(t);
      const before = await corner.realm.snapshot();
      const stacks = [new Stack(), new Stack()];
      const program = [...corner.all(), corner.tokenCheck()];
      await Promise.all(stacks.map((stack) => stack.up(...program)));
      t.true(await corner.canLogIn(configured));
      const { protocolMappers } = await corner.realm.client();
      t.is(protocolMappers.filter(({ name }: { name: string }) => name === corner.mapperName).length, 1);

      // The last writer holds the marks. After one more round neither stack has anything left to do.
      for (const stack of stacks) await stack.up(...program);
      for (const stack of stacks) t.deepEqual(await stack.preview(...program), [], `round ${round}`);

      warned();
      for (const stack of stacks) await stack.destroy();
      const left = warned();
      if (left.length === 0) asBefore(t, await corner.realm.snapshot(), before);
      for (const text of left)
        t.regex(
          text,
          /another stack has adopted it since|our owner mark on it is gone|it is in use|was not put back/,
        );
    }
  },
);

test.serial("two ups at once on drift: both repair it, and other people's changes stay", async (t) => {
  const corner = await Corner.of(t);
  const stacks = [new Stack(), new Stack()];
  for (const stack of stacks) await stack.up(...corner.all());
  await corner.changeMapper({ "access.token.claim": "false", "lightweight.claim": "true" });
  await corner.changeUser({ enabled: false, emailVerified: false });
  await corner.unmap("offline_access", "uma_authorization");
  await corner.deleteRole();
  await Promise.all(stacks.map((stack) => stack.up(...corner.all())));
  for (const stack of stacks) await stack.up(...corner.all());
  for (const stack of stacks) t.deepEqual(await stack.preview(...corner.all()), []);
  t.like((await corner.mapper()).config, { "access.token.claim": "true", "lightweight.claim": "true" });
  t.like(await corner.user(), { enabled: true, emailVerified: true });
  t.true((await corner.mapped()).includes("offline_access"));
});
