// The commands that the documents and the messages print: each names what exists, and README's own run as printed.
import { globSync } from "node:fs";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { execa } from "execa";
import { server, TestRealm } from "../../rig/keycloak/realm.ts";
import { copyClone } from "../../rig/machine/clone.ts";
import { root } from "../../rig/machine/folders.ts";
import { TestProject, withoutKeycloak } from "../../rig/pulumi/project.ts";
import { password } from "../support/given.ts";

interface Command {
  readonly file: string;
  readonly words: readonly string[];
}

const documents = globSync("{*,docs/*,docs/decisions/*,examples/**/*,template/*,.github/*}.md", {
  cwd: root,
  exclude: ["**/node_modules/**"],
});
const sources = globSync("{components,program,drift,cx-values,dev,rig}/**/*.ts", {
  cwd: root,
  exclude: ["**/*.test.ts", "**/node_modules/**"],
});

/** Lines of a document's shell blocks, as a shell reads them. */
function linesOf(markdown: string): string[] {
  return [...markdown.matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)]
    .flatMap(([, block = ""]) => block.replace(/\\\n\s*/g, "").split("\n"))
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Commands in the running text, like `npm start`. */
function spansOf(markdown: string): string[] {
  const text = markdown.replace(/^ *```[\s\S]*?^ *```/gm, "");
  return [...text.matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span.replace(/\s+/g, " "));
}

/** What a message prints after a quotation mark, a bracket or a colon. */
function printedBy(source: string): string[] {
  const code = source.replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, "");
  return [...code.matchAll(/\b(npm (?:run|test|start|stop)\b[^"'`()$:;,\\\n]*)/g)].map(
    // Explanations follow after spaces.
    ([, command = ""]) => command.split("  ")[0] ?? "",
  );
}

async function allCommands(): Promise<Command[]> {
  const read = async (files: readonly string[], commandsIn: (text: string) => string[]) =>
    (
      await Promise.all(
        files.map(async (file) => {
          const found = commandsIn(await readFile(path.join(root, file), "utf8"));
          return found.map((line) => ({ file, words: wordsOf(line) }));
        }),
      )
    ).flat();
  const found = [
    ...(await read(documents, (text) => [...linesOf(text), ...spansOf(text)])),
    ...(await read(sources, printedBy)),
  ];
  return found.filter(({ words }) => words[0] === "npm");
}

/** Without variables in front, and without quotation marks. */
function wordsOf(line: string): string[] {
  const words = line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  const start = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  return words.slice(start).map((word) => word.replace(/['"]/g, ""));
}

test("every printed command names a script, an option and a file that exist", async (t) => {
  const { scripts } = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
  const commands = await allCommands();
  t.true(commands.length > 100, `${commands.length} commands found`);
  const options = new Map<string, Promise<Set<string>>>();
  for (const { file, words } of commands) {
    const line = words.join(" ");
    const [, verb = "", ...more] = words.filter((word) => word !== "--silent");
    const isNpms = ["audit", "ci", "docs", "install", "pack", "pkg", "publish"].includes(verb);
    const name = verb === "run" ? (more.shift() ?? "") : verb;
    if (isNpms || name === "…") continue;
    t.true(name in scripts, `${file}: ${line}`);
    const args = more[0] === "--" ? more.slice(1) : more;
    t.true(
      more.length === 0 || more[0] === "--",
      `${file}: ${line}: npm would take these arguments for its own`,
    );
    for (const argument of args.filter((each) => /^[\w./-]+\.test\.ts$/.test(each)))
      await t.notThrowsAsync(access(path.join(root, argument)), `${file}: ${line}`);
    if (name !== "pulumi") continue;
    const known = await optionsOf(args.filter((each) => /^[a-z-]+$/.test(each) && !each.startsWith("-")));
    for (const option of args.filter((each) => /^--?\w/.test(each)))
      t.true(known.has(option.replace(/=.*/, "")), `${file}: ${line}: ${option}`);
    const isOfStack = /^(config|up|preview|refresh|destroy|cancel|state|stack (output|export))\b/.test(
      args.join(" "),
    );
    t.true(!isOfStack || args.includes("--stack") || args.length === 1, `${file}: ${line}: which stack?`);
  }

  /** The options of a command of the CLI, whose first words may be its arguments. */
  function optionsOf(words: readonly string[]): Promise<Set<string>> {
    const command = words.slice(0, ["config", "stack", "state", "plugin"].includes(words[0] ?? "") ? 2 : 1);
    const key = command.join(" ");
    const known = options.get(key) ?? helpOf(command);
    options.set(key, known);
    return known;
  }
});

async function helpOf(command: readonly string[]): Promise<Set<string>> {
  const pulumi = path.join(root, "node_modules", ".bin", "pulumi");
  const { stdout } = await execa(pulumi, [...command, "--help"]);
  return new Set(stdout.match(/(?<=[\s,])--?[a-zA-Z][\w-]*/g));
}

const cxValues = `apisixStandalone:
  routes:
    - id: ccm
      uris: ["/ccm/*"]
      plugins:
#       openid-connect:
#         discovery: "http://keycloak.ef-external.svc/auth/realms/expertflow/.well-known/openid-configuration"
#         realm: "expertflow"
#         client_id: "cim"
#         client_secret: "shipped"
        proxy-rewrite:
          regex_uri: ["^/ccm/?(.*)", "/$1"]
`;

test("no shell block has a comment, which zsh would take for arguments", async (t) => {
  for (const file of documents) {
    const lines = linesOf(await readFile(path.join(root, file), "utf8"));
    t.deepEqual(
      lines.filter((line) => /(^|\s)#/.test(line)),
      [],
      file,
    );
  }
});

test("README's commands for a realm run as printed, one after the other", async (t) => {
  const realm = await TestRealm.create({}, {}, "expertflow");
  t.teardown(() => realm.delete());
  const project = await TestProject.create({
    install: copyClone,
    env: withoutKeycloak,
  });
  t.teardown(() => project.delete());
  const values = path.join(project.folder, "kubernetes", "helm-values", "apisix-custom-values.yaml");
  await mkdir(path.dirname(values), { recursive: true });
  await writeFile(values, cxValues);

  const readme = await readFile(path.join(root, "README.md"), "utf8");
  const isOfStack = (line: string) => /^(\. \S+ && )?npm run/.test(line) && line.includes("production");
  const inOrder = [...readme.matchAll(/^ *```sh\n[\s\S]*?^ *```|`npm run [^`]+`/gm)].flatMap(([part]) =>
    part.startsWith("`npm") ? spansOf(part) : linesOf(part),
  );
  const commands = inOrder.filter(isOfStack);
  t.true(commands.length >= 8, commands.join("\n"));
  const administrator = {
    KEYCLOAK_USER: server.username,
    KEYCLOAK_PASSWORD: server.password,
    KEYCLOAK_PASSWORD_CUSTOMER: password,
  };
  // What one command has put into the shell's environment is there for the next ones.
  let shell = "";
  for (const command of commands) {
    shell = /^\. \S+ && /.exec(command)?.[0] ?? shell;
    const ofThisServer = `${shell}${command.replace(/^\. \S+ && /, "")}`
      .replace("https://cx.example.com", server.url)
      .replace(/\b(up|destroy)\b/, "$1 --yes");
    const { exitCode, all } = await execa(ofThisServer, {
      shell: true,
      cwd: project.folder,
      env: { ...project.env, ...(command.startsWith("npm run setup") && administrator) },
      input: password,
      all: true,
      reject: false,
    });
    t.is(exitCode, 0, `${command}\n${all}`);
  }
  t.is((await realm.admin("GET", "/users")).length, 0);
});
