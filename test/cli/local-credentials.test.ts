// The name and the password of this clone's local admin never reach another server, however the command names it.
import { readFile, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { server, TestRealm } from "../../rig/keycloak/realm.ts";
import { copyClone } from "../../rig/machine/clone.ts";
import { TestProject, withoutKeycloak } from "../../rig/pulumi/project.ts";
import { password, succeeded } from "../support/given.ts";

/** Somebody else's server: keeps what it is sent. */
async function otherServer(t: ExecutionContext): Promise<{ url: string; received: string[] }> {
  const received: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = await request.toArray();
    received.push(`${request.url} ${Buffer.concat(chunks)}`);
    response.writeHead(401, { "content-type": "application/json" }).end('{ "error": "unauthorized" }');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("No port.");
  return { url: `http://127.0.0.1:${address.port}`, received };
}

test("the local admin's credentials go to no other server", async (t) => {
  const { url, received } = await otherServer(t);
  const realm = await TestRealm.create();
  t.teardown(() => realm.delete());
  const project = await TestProject.create({ install: copyClone, env: withoutKeycloak });
  t.teardown(() => project.delete());
  const run = (...args: string[]) => project.script("dev/pulumi.ts", ...args, "--non-interactive");
  const file = path.join(project.folder, "Pulumi.production.yaml");
  const stack = await project.stack("production", { customerPassword: password });
  const without = await readFile(file, "utf8");
  await stack.set("keycloak:url", url);

  const ways: Record<string, () => Promise<{ exitCode: number; output: string }>> = {
    "the stack is named": () => run("preview", "--stack", "production"),
    "the stack is selected": () => run("preview"),
    "the stack is in the environment": async () => {
      await project.stack("dev");
      return project
        .with({ PULUMI_STACK: "production" })
        .script("dev/pulumi.ts", "preview", "--non-interactive");
    },
    "another file holds the configuration": async () => {
      await rename(file, path.join(project.folder, "elsewhere.yaml"));
      await writeFile(file, without);
      return run("preview", "-s=production", "--config-file", "elsewhere.yaml");
    },
    "the address is an argument": () => run("preview", "-s", "production", "-c", `keycloak:url=${url}`),
  };
  for (const [way, command] of Object.entries(ways)) {
    received.length = 0;
    const { exitCode, output } = await command();
    t.not(exitCode, 0, way);
    t.regex(output, new RegExp(`No admin credentials for Keycloak at ${url}`), way);
    t.deepEqual(received, [], way);
  }

  // The admin API alone is at another address.
  await writeFile(file, without);
  for (const [way, env, more] of [
    ["in the environment", { KEYCLOAK_ADMIN_URL: url }, []],
    ["an argument", {}, ["-c", `keycloak:adminUrl=${url}`]],
  ] as const) {
    const command = ["preview", "-s", "production", "--non-interactive", ...more];
    const { exitCode, output } = await project.with(env).script("dev/pulumi.ts", ...command);
    t.not(exitCode, 0, way);
    t.regex(output, /No Keycloak address/, way);
    t.deepEqual(received, [], way);
  }

  // destroy uses the connection that the last up recorded, whatever the configuration says now.
  const moved = await project.stack("moved", { realm: realm.name, customerPassword: password });
  await moved.set("keycloak:url", server.address);
  const admin = { KEYCLOAK_USER: server.username, KEYCLOAK_PASSWORD: server.password };
  succeeded(t, await moved.with(admin).up());
  await moved.unset("keycloak:url");
  const destroyed = await run("destroy", "--yes", "--skip-preview", "--stack", "moved");
  t.regex(destroyed.output, new RegExp(`No admin credentials for Keycloak at ${server.address}`));
});
