// docs/ agrees with the code, and tells nothing about the machine that wrote it.
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import test from "ava";
import { root } from "../../rig/machine/folders.ts";
import { apiFile, apiReference } from "./api-reference.ts";

const docs = path.dirname(apiFile);

test("docs/api.md agrees with the doc comments; if not, run `npm run docs -- --api`", async (t) => {
  t.is(await readFile(apiFile, "utf8"), await apiReference());
});

test("every public name has a doc comment", async (t) => {
  const undocumented = (await readFile(apiFile, "utf8")).split("\n").filter((line) => / \| - \|$/.test(line));
  // TypeScript keeps no comments for the keys of a literal.
  t.deepEqual(
    undocumented.filter((line) => !line.includes("`claim_validator.audience")),
    [],
  );
});

test("no file in docs/ holds a path, an id, a time or a port of the machine that wrote it", async (t) => {
  const entries = await readdir(docs, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  t.true(files.length > 3);
  for (const { parentPath, name } of files) {
    const text = await readFile(path.join(parentPath, name), "utf8");
    for (const place of [root, homedir(), "/tmp/"]) t.false(text.includes(place), `${name}: ${place}`);
    t.notRegex(text, /[0-9a-f]{8}-[0-9a-f]{4}-|\d\d:\d\d:\d\d|localhost:(?!8080)/, name);
  }
});
