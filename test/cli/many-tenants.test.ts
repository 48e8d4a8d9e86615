// Many tenants in several stacks: docs/production.md's commands for them.
import { readFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { execa } from "execa";
import { server, TestRealm } from "../../rig/keycloak/realm.ts";
import { copyClone } from "../../rig/machine/clone.ts";
import { root } from "../../rig/machine/folders.ts";
import { TestProject } from "../../rig/pulumi/project.ts";
import { password } from "../support/given.ts";

test("the commands for many tenants run as printed, and make each tenant ready", async (t) => {
  const project = await TestProject.create({ install: copyClone });
  t.teardown(() => project.delete());
  const realms: TestRealm[] = [];
  for (const name of ["tenant-1", "tenant-2", "tenant-3"]) realms.push(await TestRealm.create({}, {}, name));
  t.teardown(() => Promise.all(realms.map((realm) => realm.delete())));

  const page = await readFile(path.join(root, "docs", "production.md"), "utf8");
  const [, section = ""] = /^## Many tenants$([\s\S]*?)^## /m.exec(page) ?? [];
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block);
  t.is(blocks.length, 2);
  const script = blocks.join("").replace("https://cx.example.com", server.url);
  const { exitCode, all } = await execa("sh", ["-e", "-c", script], {
    cwd: project.folder,
    env: project.env,
    input: password,
    all: true,
    reject: false,
  });
  t.is(exitCode, 0, all);
  for (const realm of realms) t.true(await realm.canLogIn(password), realm.name);
});
