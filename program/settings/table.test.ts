// Pulumi.yaml and README.md say what the table says.
import { readFile } from "node:fs/promises";
import test from "ava";
import { parse } from "yaml";
import { names, rows } from "./table.ts";

const file = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), "utf8");
/** With a type, the CLI would refuse an object or a list that is encrypted as a whole. */
const untyped = ["object", "array"];
/** Pulumi.yaml has to give every setting a default. */
const none = { string: "", boolean: undefined, integer: undefined, object: {}, array: [] };

test("Pulumi.yaml declares each setting with its type, default and description", async (t) => {
  const declared = Object.entries<Record<string, unknown>>(parse(await file("Pulumi.yaml")).config);
  t.deepEqual(
    declared.map(([name, { type, default: value, description }]) => ({ name, type, value, description })),
    names.map((name) => {
      const { kind, default: value, description } = rows[name];
      const type = untyped.includes(kind.type) ? undefined : kind.type;
      return { name, type, value: value ?? none[kind.type], description };
    }),
  );
});

test("README.md lists each setting with its default", async (t) => {
  t.deepEqual(
    settingsTable(await file("README.md")),
    names.map((name) => [name, plain(`${rows[name].default ?? rows[name].otherwise}`)]),
  );
});

/** Name and default of each row of the Markdown table that begins with the config namespace. */
function settingsTable(markdown: string): string[][] {
  const lines = markdown.split("\n");
  const table = lines.slice(lines.findIndex((line) => /^\| *`keycloak-apisix:` *\|/.test(line)));
  const end = table.findIndex((line) => !line.startsWith("|"));
  return table.slice(2, end).map((line) => line.split("|").slice(1, 3).map(plain));
}

function plain(markdown: string): string {
  return markdown.replaceAll("`", "").trim();
}
