// The new kind that docs/design.md shows compiles as it stands there: the next kinds are copied from it.
import { readFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import ts from "typescript";
import { root } from "../../rig/machine/folders.ts";

test("the worked example of docs/design.md compiles, in the places that it names", async (t) => {
  const page = await readFile(path.join(root, "docs", "design.md"), "utf8");
  const files = new Map(
    [...page.matchAll(/^`(components\/\S+\.ts)`:\n\n```ts\n([\s\S]*?)^```$/gm)].map(
      ([, name = "", code = ""]) => [path.join(root, name), code],
    ),
  );
  t.deepEqual(
    [...files.keys()].map((file) => path.relative(root, file)),
    ["components/kinds/group.ts", "components/resources/group.ts"],
  );

  // The line of the list, which makes the kind's name known.
  const list = path.join(root, "components", "kinds", "index.ts");
  const line = /^ +group: .*,$/m.exec(page)?.[0] ?? "";
  const listed = (await readFile(list, "utf8"))
    .replace("import { password }", 'import { group } from "./group.ts";\nimport { password }')
    .replace(/^ +user: .*$/m, (user) => `${user}\n${line}`);
  files.set(list, listed);

  const { config } = ts.readConfigFile(path.join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root, { noUnusedLocals: true });
  const host = ts.createCompilerHost(options);
  const [readReal, existsReal] = [host.readFile, host.fileExists];
  host.readFile = (file) => files.get(path.normalize(file)) ?? readReal(file);
  host.fileExists = (file) => files.has(path.normalize(file)) || existsReal(file);
  const getReal = host.getSourceFile;
  host.getSourceFile = (file, ...rest) => {
    const text = files.get(path.normalize(file));
    return text === undefined
      ? getReal(file, ...rest)
      : ts.createSourceFile(file, text, ts.ScriptTarget.ES2024);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  const problems = [...files.keys()].flatMap((file) => {
    const source = program.getSourceFile(file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
  t.deepEqual(
    problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")),
    [],
  );
});
