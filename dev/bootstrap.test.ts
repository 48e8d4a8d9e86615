// dev/bootstrap.mjs installs the locked dependencies before it runs a script.
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { execa } from "execa";

test("it does not install into another clone's node_modules", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "bootstrap-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const [original, clone] = [path.join(folder, "original"), path.join(folder, "clone")];
  const write = async (file: string, content: object) => {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), JSON.stringify(content));
  };
  // The original has a package that the clone does not ask for.
  const packages = { "node_modules/other": { version: "1.0.0" } };
  await write("original/.package-lock.json", { packages });
  await write("original/other/package.json", { name: "other", version: "1.0.0" });
  await write("clone/package.json", { name: "clone", version: "1.0.0" });
  const lock = { name: "clone", version: "1.0.0", lockfileVersion: 3, packages: { "": { name: "clone" } } };
  await write("clone/package-lock.json", lock);
  await cp(path.join(import.meta.dirname, "bootstrap.mjs"), path.join(clone, "dev", "bootstrap.mjs"));
  await symlink(original, path.join(clone, "node_modules"), "junction");

  const { exitCode, stderr } = await execa(process.execPath, ["dev/bootstrap.mjs", "dev/start.ts"], {
    cwd: clone,
    reject: false,
  });
  t.is(exitCode, 1);
  t.regex(stderr, /node_modules .*is a link to .*original.*: delete the link/);
  t.deepEqual(await readdir(original), [".package-lock.json", "other"]);
});
