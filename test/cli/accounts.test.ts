// The accounts that log in to Keycloak: one that writes, one for the nightly job that may only read. Each command uses the
// account that it was given, and no other.
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { changeMapper } from "../../rig/keycloak/by-hand.ts";
import { server, TestAdmin, TestRealm } from "../../rig/keycloak/realm.ts";
import { copyClone } from "../../rig/machine/clone.ts";
import { TestProject, withoutKeycloak } from "../../rig/pulumi/project.ts";
import { clientWithKey, pem } from "../support/client-with-key.ts";
import { password, succeeded } from "../support/given.ts";
import { serviceAccount, toWatch } from "../support/limited-admin.ts";
import { filesIn, inTheClear } from "../support/secrets.ts";
import { listening, toKeycloak } from "../support/tls.ts";

const gateSecret = "g4te/S3cret+&=%";

/** A realm with both accounts, which notes who logs in, and a clone that knows neither. */
async function realmWithAccounts(t: ExecutionContext) {
  const realm = await TestRealm.create({ eventsEnabled: true });
  t.teardown(() => realm.delete());
  const writer = await serviceAccount(realm, ["manage-users", "manage-clients", "manage-realm"]);
  const reader = await serviceAccount(realm, toWatch);
  const project = await TestProject.create({
    install: copyClone,
    env: withoutKeycloak,
  });
  t.teardown(() => project.delete());
  const stack = await project.stack("production", {
    "keycloak:url": server.url,
    "keycloak:basePath": server.basePath,
    "keycloak:realm": realm.name,
    realm: realm.name,
    customerPassword: password,
  });
  return { realm, writer, reader, project, stack };
}

/** Which service accounts have logged in since the last call. */
async function logins(realm: TestRealm): Promise<string[]> {
  const events: { clientId: string }[] = await realm.admin("GET", "/events?type=CLIENT_LOGIN&max=1000");
  await realm.admin("DELETE", "/events");
  return [...new Set(events.map(({ clientId }) => clientId))];
}

test("the nightly job has an account of its own, and its passphrase opens no other", async (t) => {
  const { realm, writer, reader, project, stack } = await realmWithAccounts(t);
  succeeded(t, await stack.with(writer).up());
  t.true((await logins(realm)).includes(writer.KEYCLOAK_CLIENT_ID));

  const drift = () => project.with(reader).script("drift/drift.ts", "--stack", "production");
  const clean = await drift();
  succeeded(t, clean);
  await changeMapper(realm, { "access.token.claim": "false" });
  const drifted = await drift();
  t.is(drifted.exitCode, 2, drifted.output);
  t.not((await stack.with(reader).up()).exitCode, 0, "it may not write");
  t.deepEqual(await logins(realm), [reader.KEYCLOAK_CLIENT_ID]);

  const opened = await Promise.all([
    stack.run("config", "--show-secrets"),
    stack.run("stack", "export", "--show-secrets"),
  ]);
  for (const { output } of opened) {
    t.true(output.includes(password), "what the passphrase does open");
    t.false(output.includes(writer.KEYCLOAK_CLIENT_SECRET));
  }

  succeeded(t, await stack.with(writer).up());
  succeeded(t, await drift());
  succeeded(t, await stack.with(writer).destroy());
});

test("a job with a reader's account never uses the one in the stack's file", async (t) => {
  const { realm, writer, reader, project, stack } = await realmWithAccounts(t);
  await stack.set("keycloak:clientId", writer.KEYCLOAK_CLIENT_ID);
  await stack.set("keycloak:clientSecret", writer.KEYCLOAK_CLIENT_SECRET);
  succeeded(t, await stack.up());
  t.true((await logins(realm)).includes(writer.KEYCLOAK_CLIENT_ID));
  const accounts = { "a client": reader, "a user": { KEYCLOAK_USER: "reader", KEYCLOAK_PASSWORD: "theirs" } };
  for (const [what, account] of Object.entries(accounts)) {
    const job = project.with(account);
    const drift = await job.script("drift/drift.ts", "--stack", "production");
    t.is(drift.exitCode, 1, `${what}: ${drift.output}`);
    t.regex(
      drift.output,
      /Two accounts for Keycloak at .*Take keycloak:client.* or KEYCLOAK_.* out of the env/,
    );
    t.deepEqual(await logins(realm), [], what);
  }

  // What the last up recorded counts as well, where it is used.
  await stack.unset("keycloak:clientId");
  await stack.unset("keycloak:clientSecret");
  const refresh = await stack.with(reader).run("refresh", "--yes", "--skip-preview");
  t.not(refresh.exitCode, 0);
  t.regex(refresh.output, /Two accounts .*--run-program/);
  succeeded(t, await stack.with(reader).preview("--expect-no-changes"));
  t.deepEqual(await logins(realm), [reader.KEYCLOAK_CLIENT_ID]);
  succeeded(t, await stack.with(writer).destroy("--run-program"));
});

test("an account with a key, which a proxy lets in by a header: nothing of it is in the clear", async (t) => {
  const { realm, reader, project, stack } = await realmWithAccounts(t);
  const { clientId, privateKey, newJwt } = await clientWithKey(t, realm);
  const gate = createServer((incoming, outgoing) => {
    if (incoming.headers["x-gate"] === gateSecret) return toKeycloak(incoming, outgoing);
    incoming.resume();
    outgoing.writeHead(403, { "content-type": "text/html" }).end("closed");
  });
  const url = `http://localhost:${await listening(t, gate)}`;
  await stack.set("keycloak:url", url);
  const writer = { KEYCLOAK_CLIENT_ID: clientId, KEYCLOAK_JWT_SIGNING_KEY: pem(privateKey) };
  const key = "keycloak:additionalHeaders";
  await stack.run("config", "set", "--plaintext", "--path", `${key}.X-Gate`, gateSecret);
  // Not by `up`: Pulumi notes in its history how the configuration was.
  const clear = await stack.with(writer).preview();
  t.not(clear.exitCode, 0);
  t.regex(clear.output, /keycloak:additionalHeaders is in the clear/);
  await stack.run("config", "set", "--secret", "--path", `${key}.X-Gate`, gateSecret);
  succeeded(t, await stack.with(writer).up());
  succeeded(t, await stack.with(writer).run("refresh", "--yes", "--skip-preview"));
  succeeded(t, await stack.with(writer).preview("--expect-no-changes"));
  t.deepEqual(await logins(realm), [clientId]);

  // The file serves one command after the other, if it is renewed.
  const file = path.join(project.folder, "token");
  const address = `${url}${server.basePath}`;
  const job = stack.with({ KEYCLOAK_JWT_TOKEN_FILE: "token" });
  await writeFile(file, await newJwt(address));
  succeeded(t, await job.preview("--expect-no-changes"));
  const used = await job.preview();
  t.not(used.exitCode, 0);
  t.regex(used.output, /Logging in as the client of keycloak:jwtTokenFile .*was not used before/);
  const both = await stack.with({ ...reader, ...writer }).preview();
  t.not(both.exitCode, 0);
  t.regex(both.output, /Two ways to log in to Keycloak/);

  const keyText = pem(privateKey).split("\n")[3] ?? "";
  const texts = await filesIn(path.join(project.folder, "state"));
  t.true(texts.some(([name]) => name.endsWith("production.json")));
  t.deepEqual(inTheClear({ "the header": gateSecret, "the key": keyText }, texts), []);
  await writeFile(file, await newJwt(address));
  succeeded(t, await job.destroy());
});

test("nor does @pulumi/keycloak, where the stack owns its realm", async (t) => {
  const admin = await TestAdmin.create("the admin's");
  t.teardown(() => admin.delete());
  const { reader, stack } = await realmWithAccounts(t);
  await stack.set("ownRealm", "true");
  await stack.set("realm", "not-there");
  await stack.set("keycloak:realm", "master");
  await stack.set("keycloak:clientId", "admin-cli");
  await stack.set("keycloak:username", admin.username);
  await stack.set("keycloak:password", "the admin's");
  succeeded(t, await stack.preview());
  t.true((await admin.sessions()) > 0, "it leaves a session open");
  await admin.endSessions();
  const preview = await stack.with(reader).preview();
  t.not(preview.exitCode, 0);
  t.regex(preview.output, /Two accounts for Keycloak/);
  t.is(await admin.sessions(), 0);
});
