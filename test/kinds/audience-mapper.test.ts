// The Audience mapper on a real client: created, adopted, checked for drift, corrected and restored.
import test from "ava";
import { asBefore, Corner, deleteRealm, sharedRealm, warned } from "../support/corner.ts";
import { CheckFailure, Stack } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

const right = {
  "included.client.audience": "cim",
  "access.token.claim": "true",
  "id.token.claim": "true",
  "introspection.token.claim": "true",
};
/** A wrong value for each field, and how a preview words it. */
const wrong: Record<string, { config?: object; rest?: object; words: string }> = {
  protocolMapper: {
    rest: { protocolMapper: "oidc-hardcoded-claim-mapper" },
    words: "oidc-hardcoded-claim-mapper, should be oidc-audience-mapper",
  },
  "included.client.audience": {
    config: { "included.client.audience": "account" },
    words: "account, should be cim",
  },
  "access.token.claim": { config: { "access.token.claim": "false" }, words: "false, should be true" },
  "id.token.claim": { config: { "id.token.claim": "false" }, words: "false, should be true" },
  "introspection.token.claim": {
    config: { "introspection.token.claim": "false" },
    words: "false, should be true",
  },
};
const ownerMark = "keycloak-apisix.owner";

test.serial(
  "a missing mapper is created with every field of the guide, and removed by destroy",
  async (t) => {
    const corner = await Corner.of(t);
    const before = await corner.realm.snapshot();
    const stack = new Stack();
    t.deepEqual(await stack.preview(corner.audience()), [{ name: "audience", op: "create", plan: "create" }]);
    asBefore(t, await corner.realm.snapshot(), before);
    await stack.up(corner.audience());
    const mapper = await corner.mapper();
    t.like(mapper, { protocol: "openid-connect", protocolMapper: "oidc-audience-mapper", config: right });
    t.like(stack.outs("audience"), { adopted: false, uuid: mapper.id, clientSecret: "the-clients-secret" });
    t.deepEqual(await corner.writes(() => stack.up(corner.audience())), []);
    await stack.destroy();
    asBefore(t, await corner.realm.snapshot(), before);
    t.deepEqual(warned(), []);
  },
);

test.serial("a correct mapper is adopted and left alone, without a write", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeMapper({ "lightweight.claim": "false" });
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  const writes = await corner.writes(async () => {
    t.deepEqual(
      (await stack.up(corner.audience())).map(({ plan, corrects }) => [plan, corrects]),
      [["adopt", undefined]],
    );
    t.true(stack.outs("audience").adopted);
    t.deepEqual(await stack.up(corner.audience()), []);
    await stack.refresh();
    await stack.destroy();
  });
  t.deepEqual(writes, []);
  asBefore(t, await corner.realm.snapshot(), before);
});

for (const [field, { config = {}, rest = {}, words }] of Object.entries(wrong)) {
  test.serial(`adopting with a wrong ${field}: shown, corrected, and restored by destroy`, async (t) => {
    const corner = await Corner.of(t);
    await corner.makeMapper({ ...config, "lightweight.claim": "true" }, rest);
    const before = await corner.realm.snapshot();
    const stack = new Stack();
    t.deepEqual(await stack.preview(corner.audience()), [
      { name: "audience", op: "create", plan: "adopt", corrects: { [field]: words } },
    ]);
    await stack.up(corner.audience());
    const { config: now } = await corner.mapper();
    t.like(now, right);
    t.is(now["lightweight.claim"], "true", "a key that is not ours is kept");
    t.deepEqual(await stack.preview(corner.audience()), []);
    await stack.destroy();
    asBefore(t, await corner.realm.snapshot(), before);
    t.deepEqual(warned(), []);
  });

  test.serial(`a changed ${field} is the only drift shown, and the next up corrects it`, async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    const program = [corner.audience(), corner.realmRole()];
    await stack.up(...program);
    await corner.changeMapper({ ...config, "lightweight.claim": "true" }, rest);
    t.deepEqual(await stack.preview(...program), [
      { name: "audience", op: "update", drift: { [field]: words } },
    ]);
    await stack.up(...program);
    t.like(await corner.mapper(), { protocolMapper: "oidc-audience-mapper" });
    t.like((await corner.mapper()).config, { ...right, "lightweight.claim": "true" });
    t.deepEqual(await stack.preview(...program), []);
    await stack.destroy();
    t.is(await corner.mapper(), undefined);
  });
}

test.serial("a missing field counts as wrong, and destroy removes it again", async (t) => {
  const corner = await Corner.of(t);
  await corner.makeMapper({ "id.token.claim": undefined });
  const before = await corner.mapper();
  const stack = new Stack();
  const [step] = await stack.up(corner.audience());
  t.deepEqual(step?.corrects, { "id.token.claim": "not set, should be true" });
  await stack.destroy();
  t.deepEqual(await corner.mapper(), before);
});

test.serial(
  "a mapper that an older console made, without a switch for introspection, is right",
  async (t) => {
    const corner = await Corner.of(t);
    await corner.makeMapper({ "introspection.token.claim": undefined });
    const stack = new Stack();
    const writes = await corner.writes(async () => {
      const [step] = await stack.up(corner.audience());
      t.deepEqual([step?.plan, step?.corrects], ["adopt", undefined]);
      t.deepEqual(await stack.preview(corner.audience()), []);
    });
    t.deepEqual(writes, []);

    await corner.changeMapper({ "id.token.claim": "false" });
    await stack.up(corner.audience());
    t.false("introspection.token.claim" in (await corner.mapper()).config);
  },
);

test.serial("drift that comes back is shown as recurring", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.audience());
  await corner.changeMapper({ "id.token.claim": "false" });
  await stack.up(corner.audience());
  await corner.changeMapper({ "id.token.claim": "false" });
  const [step] = await stack.preview(corner.audience());
  t.deepEqual(step?.drift, { "id.token.claim": "false, should be true (again)" });
});

test.serial("deleted by hand: shown as missing, and recreated by up", async (t) => {
  const corner = await Corner.of(t);
  const before = await corner.realm.snapshot();
  const stack = new Stack();
  await stack.up(corner.audience());
  await corner.deleteMapper();
  t.deepEqual(await stack.preview(corner.audience()), [
    { name: "audience", op: "update", drift: { audienceMapper: "missing" } },
  ]);
  await stack.up(corner.audience());
  t.like((await corner.mapper()).config, right);
  t.is(stack.outs("audience").uuid, (await corner.mapper()).id);
  t.deepEqual(await stack.preview(corner.audience()), []);
  await stack.destroy();
  asBefore(t, await corner.realm.snapshot(), before);
});

test.serial("deleted by hand: destroy succeeds without a warning", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.audience());
  await corner.deleteMapper();
  await stack.destroy();
  t.deepEqual(warned(), []);
});

test.serial("deleted by hand: refresh drops it from the state, and up recreates it", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.audience());
  await corner.deleteMapper();
  t.deepEqual(await stack.refresh(), [{ name: "audience", op: "gone" }]);
  t.like((await stack.up(corner.audience()))[0], { op: "create", plan: "create" });
});

test.serial("owner mark removed by hand: shown as drift, and destroy leaves the mapper", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.audience());
  const mapper = await corner.mapper();
  const { [ownerMark]: _mark, ...config } = mapper.config;
  await corner.realm.admin("PUT", await corner.mapperPath(mapper.id), { ...mapper, config });
  t.deepEqual(await stack.preview(corner.audience()), [
    {
      name: "audience",
      op: "update",
      drift: { audienceMapper: "made anew outside this stack" },
    },
  ]);
  await stack.destroy();
  t.truthy(await corner.mapper());
  t.regex(warned().join("\n"), /^Audience mapper .* left in place, because our owner mark on it is gone/);
});

test.serial(
  "adopted, corrected, then changed by hand: that field stays, the others are restored",
  async (t) => {
    const corner = await Corner.of(t);
    await corner.makeMapper({ "id.token.claim": "false", "included.client.audience": "account" });
    const stack = new Stack();
    await stack.up(corner.audience());
    await corner.changeMapper({ "included.client.audience": "broker" });
    await stack.destroy();
    t.like((await corner.mapper()).config, {
      "id.token.claim": "false",
      "included.client.audience": "broker",
    });
    t.regex(
      warned().join("\n"),
      /included\.client\.audience was not put back, because somebody has changed it since/,
    );
  },
);

test.serial("another mapper name in the program creates a new mapper and removes the old one", async (t) => {
  const corner = await Corner.of(t);
  const other = new Corner(corner.realm);
  t.teardown(() => other.clear());
  const stack = new Stack();
  await stack.up(corner.audience());
  const renamed = corner.audience({ mapper: other.mapperName });
  t.like((await stack.up(renamed))[0], { op: "replace", plan: "create" });
  t.is(await corner.mapper(), undefined);
  t.truthy(await other.mapper());
  await stack.destroy();
  t.is(await other.mapper(), undefined);
});

test.serial("client secret rotated by hand: the next up updates the output", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.audience());
  const client = await corner.realm.client();
  t.teardown(() => corner.realm.admin("PUT", `/clients/${client.id}`, { secret: "the-clients-secret" }));
  await corner.realm.admin("PUT", `/clients/${client.id}`, { secret: "rotated" });
  warned();
  t.deepEqual(await stack.preview(corner.audience()), [{ name: "audience", op: "update" }]);
  const said = warned().join("\n");
  t.regex(said, /^Audience mapper '.*' of client 'cim' .*: the client's secret has changed since the last/);
  t.false(said.includes("rotated"));
  t.like((await stack.up(corner.audience()))[0], { op: "update" });
  t.is(stack.outs("audience").clientSecret, "rotated");
  t.deepEqual(await stack.preview(corner.audience()), []);
});

test.serial("a public client gets a warning, and its outputs hold no secret", async (t) => {
  const corner = await Corner.of(t);
  await corner.realm.admin("POST", "/clients", { clientId: "public-one", publicClient: true });
  const stack = new Stack();
  await stack.up(corner.audience({ client: "public-one" }));
  t.regex(
    warned().join("\n"),
    /Client 'public-one' in realm '.*' is public: .*APISIX cannot ask.*before 3\.12 that checks neither issuer nor audience/,
  );
  t.is(stack.outs("audience").clientSecret, undefined);
  await stack.destroy();
});

test.serial("a bearer-only client is refused, and the error says what to do", async (t) => {
  const corner = await Corner.of(t);
  await corner.realm.admin("POST", "/clients", { clientId: "bearer", bearerOnly: true });
  const error = await t.throwsAsync(new Stack().preview(corner.audience({ client: "bearer" })), {
    instanceOf: CheckFailure,
  });
  t.regex(error.message, /Client 'bearer' in realm '.*' is bearer-only, .*switch 'Bearer only' off/);
});

test.serial("a renamed client: the error says which it may be, and destroy names it", async (t) => {
  const corner = await Corner.of(t);
  const stack = new Stack();
  await stack.up(corner.audience());
  const client = await corner.realm.client();
  const renamed = (clientId: string) => corner.realm.admin("PUT", `/clients/${client.id}`, { clientId });
  t.teardown(() => renamed("cim"));
  await renamed("widget");
  await t.throwsAsync(stack.preview(corner.audience()), {
    message:
      /Client 'cim' is not in realm .* Client 'widget' carries an Audience mapper '.*' of this project/,
  });
  await stack.refresh();
  t.true(stack.state.has("audience"));
  warned();
  await stack.destroy();
  t.regex(
    warned().join("\n"),
    /left in place, because it was renamed, and is now Audience mapper '.*' of client 'widget'/,
  );
  await renamed("cim");
  t.truthy(await corner.mapper());
});

test.serial(
  "a renamed client, followed by the program: the mapper is held on to, and removed by destroy",
  async (t) => {
    const corner = await Corner.of(t);
    const stack = new Stack();
    await stack.up(corner.audience());
    const client = await corner.realm.client();
    const renamed = (clientId: string) => corner.realm.admin("PUT", `/clients/${client.id}`, { clientId });
    t.teardown(() => renamed("cim"));
    await renamed("widget");
    await stack.up(corner.audience({ client: "widget" }));
    warned();
    await stack.destroy();
    t.deepEqual(warned(), []);
    await renamed("cim");
    t.is(await corner.mapper(), undefined);
  },
);
