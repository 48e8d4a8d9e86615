// docs/ says what the code says, and nothing of the machine that it was made on.
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import test from "ava";
import { apiFile, apiReference } from "../../dev/api-reference.ts";
import { root } from "../../dev/folders.ts";
import { terminalSvg } from "../../dev/terminal-svg.ts";

const docs = path.dirname(apiFile);

test("docs/api.md is what the doc comments say; else run `npm run docs -- --api`", async (t) => {
  t.is(await readFile(apiFile, "utf8"), await apiReference());
});

test("every public name has a doc comment", async (t) => {
  const undocumented = (await readFile(apiFile, "utf8")).split("\n").filter((line) => / \| - \|$/.test(line));
  // The keys of a literal have none: TypeScript keeps no comment for them.
  t.deepEqual(
    undocumented.filter((line) => !line.includes("`claim_validator.audience")),
    [],
  );
});

test("no file in docs/ holds a path, an id, a time or a port of the machine that made it", async (t) => {
  const files = await readdir(docs);
  t.true(files.length > 3);
  for (const file of files) {
    const text = await readFile(path.join(docs, file), "utf8");
    for (const place of [root, homedir(), "/tmp/"]) t.false(text.includes(place), `${file}: ${place}`);
    t.notRegex(text, /[0-9a-f]{8}-[0-9a-f]{4}-|\d\d:\d\d:\d\d|localhost:(?!8080)/, file);
  }
});

test("a picture shows text where a terminal does, in its colours, and nothing is markup", (t) => {
  const svg = terminalSvg("a & b", `\u001b[32m<ok>\u001b[39m   wide\n${"x".repeat(112)}`);
  t.regex(svg, /<title>a &amp; b<\/title>/);
  t.regex(svg, /<text x="16" y="30" textLength="32" fill="#56d364">&lt;ok&gt;<\/text>/);
  // Behind the gap: column 7.
  t.regex(svg, /<text x="72" y="30" textLength="32">wide<\/text>/);
  t.regex(
    svg,
    /<text x="16" y="49" textLength="880">x{110}<\/text>\n<text x="16" y="68" textLength="16">xx<\/text>/,
  );
});
