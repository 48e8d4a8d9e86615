// Drift as `pulumi refresh --preview-only` shows it, which is how Pulumi Cloud looks for drift. The program does not run, so
// it needs none of its settings.
import test from "ava";
import {
  changeClient,
  changeMapper,
  changeUser,
  resetPassword,
  unmapRoles,
} from "../../rig/keycloak/by-hand.ts";
import { given, password, succeeded } from "../support/given.ts";

test.serial("a previewed refresh shows drift in words, and changes nothing", async (t) => {
  const { realm, stack } = await given(t);
  await stack.set("gatewayScope", "cx-gateway");
  await stack.set("accessTokenLifespan", "600");
  succeeded(t, await stack.up());
  const look = (...flags: string[]) =>
    stack.run("refresh", "--preview-only", "--expect-no-changes", ...flags);
  const quiet = await look();
  succeeded(t, quiet);
  t.regex(quiet.output, /Resources:\s+10 unchanged/);
  const state = await stack.state();

  await changeMapper(realm, { "access.token.claim": "false" });
  await changeUser(realm, { enabled: false });
  await resetPassword(realm, "of somebody else", true);
  await unmapRoles(realm, "offline_access");
  const { attributes } = await realm.client();
  await changeClient(realm, { attributes: { ...attributes, "access.token.lifespan": "60" } });
  const drifted = await look("--diff");
  t.not(drifted.exitCode, 0, drifted.output);
  for (const words of [
    'access.token.claim: "false, should be true"',
    'enabled: "false, should be true"',
    /password *: "reset on .* UTC, outside this stack"/,
    /requiredActions *: "UPDATE_PASSWORD pending/,
    'offline_access: "not mapped"',
    'access.token.lifespan: "60, should be 600"',
  ]) {
    t.true(
      typeof words === "string" ? drifted.output.includes(words) : words.test(drifted.output),
      `${words}`,
    );
  }
  t.regex(drifted.output, /~ 5 to update\s+5 unchanged/);

  const [client, mapper] = await Promise.all([realm.client(), realm.mapper()]);
  await realm.admin("DELETE", `/clients/${client.id}/protocol-mappers/models/${mapper.id}`);
  await realm.admin("DELETE", "/roles/customer");
  const gone = await look();
  t.not(gone.exitCode, 0, gone.output);
  for (const child of ["audience", "role"]) t.regex(gone.output, new RegExp(`${realm.name}-${child} delete`));

  const outputs = [drifted.output, gone.output, (await look("--json")).output];
  const { secret } = await realm.client();
  for (const output of outputs) for (const each of [password, secret]) t.false(output.includes(each));
  t.is(await stack.state(), state);
});
