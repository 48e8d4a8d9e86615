// The values file is replaced at once or not at all, and stays what it is: a link, with its permissions and its bytes.
import {
  chmod,
  lstat,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { readText, replaceText } from "./file.ts";

async function folder(t: ExecutionContext): Promise<string> {
  const made = await realpath(await mkdtemp(path.join(tmpdir(), "keycloak-apisix-")));
  t.teardown(() => rm(made, { recursive: true }));
  return made;
}

test("a byte order mark, line breaks and characters beyond ASCII are read and written as they are", async (t) => {
  const file = path.join(await folder(t), "values.yaml");
  const text = "\uFEFFa: ü\r\nb: \u{1F511}";
  await writeFile(file, text);
  t.is(await readText(file), text);
  await replaceText(file, text, `${text}\n`);
  t.deepEqual(await readFile(file), Buffer.from(`${text}\n`));
});

test("the file keeps its permissions, a link to it stays a link, and no other file is left behind", async (t) => {
  const at = await folder(t);
  const [file, link] = [path.join(at, "values.yaml"), path.join(at, "link.yaml")];
  await writeFile(file, "a");
  await chmod(file, 0o640);
  await symlink("values.yaml", link);
  await replaceText(link, "a", "b");
  t.is(await readFile(file, "utf8"), "b");
  t.is((await stat(file)).mode & 0o7777, 0o640);
  t.true((await lstat(link)).isSymbolicLink());
  t.deepEqual((await readdir(at)).toSorted(), ["link.yaml", "values.yaml"]);
});

test("a file that changed since it was read is left as it is", async (t) => {
  const file = path.join(await folder(t), "values.yaml");
  await writeFile(file, "theirs");
  await t.throwsAsync(replaceText(file, "a", "b"), { message: /changed in the meantime/ });
  t.is(await readFile(file, "utf8"), "theirs");
});

test("a file that is missing, a folder, or not UTF-8 is refused with one sentence", async (t) => {
  const at = await folder(t);
  const latin = path.join(at, "latin.yaml");
  await writeFile(latin, Buffer.from([0x61, 0xfc]));
  await t.throwsAsync(readText(path.join(at, "none")), {
    message: /none could not be read \(there is no such file\)\.$/,
  });
  await t.throwsAsync(readText(at), { message: /could not be read \(it is a folder\)\.$/ });
  await t.throwsAsync(readText(latin), { message: /latin\.yaml is not UTF-8 text/ });
});
