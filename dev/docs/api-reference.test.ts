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

test("docs/api.md begins with the component, has arguments after what takes them, and explains every name", async (t) => {
  const text = await readFile(apiFile, "utf8");
  const sections = [...text.matchAll(/^## (.*)$/gm)].map(([, name = ""]) => name);
  t.deepEqual(sections.slice(0, 2), ["ApisixEnablement", "ApisixEnablementArgs"]);
  t.deepEqual(sections.slice(sections.indexOf("ApiUser")).slice(0, 2), ["ApiUser", "ApiUserArgs"]);
  const contents = [...text.matchAll(/^- \[(\w+)\]\(#\w+\): \S/gm)].map(([, name = ""]) => name);
  t.deepEqual(contents, sections);
  const rows = text.split("\n").filter((line) => line.startsWith("| `"));
  t.true(rows.length > 60);
  t.deepEqual(
    rows.filter((row) => /\|\s+\|$/.test(row)),
    [],
  );
});

test("docs/api.md has no trace of a generator: no anchors, escapes, values of JavaScript or inherited members", async (t) => {
  const [, ...lines] = (await readFile(apiFile, "utf8")).split("\n");
  t.deepEqual(
    lines.filter((line) => /<a |\\[^|]|\[object|\(undefined\)|Throws$|Overrides|Extends|\burn\b/.test(line)),
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
