// A Pulumi project with stacks of its own in a temporary folder, driven through the real CLI.
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { server } from "../keycloak/realm.ts";
import { exists, root } from "../machine/folders.ts";

export interface CliResult {
  readonly exitCode: number;
  /** Everything that a user sees: stdout and stderr in their order. */
  readonly output: string;
  readonly stdout: string;
}

export interface Step {
  /** Name of the resource, the last part of its URN. */
  readonly name: string;
  readonly op: string;
  readonly drift: Record<string, string> | undefined;
  readonly plan: string | undefined;
  readonly corrects: Record<string, string> | undefined;
}

export interface ProjectOptions {
  /** Source of the program. Default: the repository's own program. */
  readonly program?: string;
  /** The program's file, `main` in Pulumi.yaml. Default: `index.ts`. */
  readonly main?: string;
  /** Further files by their path. They may replace package.json and Pulumi.yaml. */
  readonly files?: Readonly<Record<string, string>>;
  /** Fills node_modules, or copies a whole clone. Default: as npm does, with this repository as the installed package. */
  readonly install?: (folder: string) => Promise<void>;
  readonly env?: Record<string, string | undefined>;
}

/** `env` of a project that is told of no Keycloak. */
export const withoutKeycloak: Readonly<Record<string, undefined>> = {
  KEYCLOAK_URL: undefined,
  KEYCLOAK_BASE_PATH: undefined,
  KEYCLOAK_CLIENT_ID: undefined,
  KEYCLOAK_USER: undefined,
  KEYCLOAK_PASSWORD: undefined,
};

/** A project folder with its own state, for any number of stacks. */
export class TestProject {
  readonly folder: string;
  readonly env: Record<string, string | undefined>;
  readonly #main: string;

  private constructor(folder: string, env: Record<string, string | undefined>, main: string) {
    this.folder = folder;
    this.env = env;
    this.#main = main;
  }

  static async create(options: ProjectOptions = {}): Promise<TestProject> {
    const { program, main = "index.ts", files, install = linkRepository, env = {} } = options;
    const folder = await mkdtemp(path.join(tmpdir(), "keycloak-apisix-test-"));
    await mkdir(path.join(folder, "state"));
    const all = {
      "package.json": '{ "name": "test-project", "type": "module" }\n',
      "Pulumi.yaml": `name: keycloak-apisix\nruntime: nodejs\nmain: ${main}\n`,
      [main]: program ?? `export * from ${JSON.stringify(path.join(root, "index.ts"))};\n`,
      ...files,
    };
    for (const [name, text] of Object.entries(all)) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), text);
    }
    await install(folder);
    const variables = {
      PULUMI_BACKEND_URL: `file://${path.join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "passphrase of this test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      KEYCLOAK_URL: server.url,
      KEYCLOAK_BASE_PATH: server.basePath,
      KEYCLOAK_CLIENT_ID: "admin-cli",
      KEYCLOAK_USER: server.username,
      KEYCLOAK_PASSWORD: server.password,
      ...env,
    };
    return new TestProject(folder, variables, main);
  }

  /** The same project, run with other environment variables. */
  with(env: Record<string, string | undefined>): TestProject {
    return new TestProject(this.folder, { ...this.env, ...env }, this.#main);
  }

  setProgram(source: string): Promise<void> {
    return writeFile(path.join(this.folder, this.#main), source);
  }

  pulumi(...args: string[]): Promise<CliResult> {
    return this.pulumiReading("", ...args);
  }

  /** Runs the CLI with this text on stdin. */
  pulumiReading(input: string, ...args: string[]): Promise<CliResult> {
    const program = path.join(root, "node_modules", ".bin", "pulumi");
    return this.#run(program, [...args, "--non-interactive"], input);
  }

  /** Runs one of the clone's own commands as npm does, for example `drift/drift.ts`. */
  script(file: string, ...args: string[]): Promise<CliResult> {
    return this.#run(process.execPath, ["dev/bootstrap.mjs", file, ...args]);
  }

  async #run(program: string, args: string[], input = ""): Promise<CliResult> {
    const { exitCode, all, stdout } = await execa(program, args, {
      cwd: this.folder,
      env: this.env,
      all: true,
      reject: false,
      input,
    });
    return { exitCode: exitCode ?? -1, output: all, stdout };
  }

  async stack(name: string, config: Record<string, string> = {}): Promise<TestStack> {
    await this.pulumi("stack", "init", name);
    const stack = new TestStack(this, name);
    const pairs = Object.entries(config).map(([key, value]) => {
      const full = key.includes(":") ? key : `keycloak-apisix:${key}`;
      return [/password|secret/i.test(key) ? "--secret" : "--plaintext", `${full}=${value}`];
    });
    if (pairs.length > 0) await stack.run("config", "set-all", ...pairs.flat());
    return stack;
  }

  async delete(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Fills `node_modules` with this repository's dependencies, and with the repository itself. */
export async function linkRepository(folder: string): Promise<void> {
  const modules = path.join(folder, "node_modules");
  await mkdir(modules);
  await symlink(root, path.join(modules, "keycloak-apisix"));
  for (const dependency of await readdir(path.join(root, "node_modules"))) {
    if (dependency.startsWith(".")) continue;
    await symlink(path.join(root, "node_modules", dependency), path.join(modules, dependency));
  }
}

export class TestStack {
  readonly project: TestProject;
  readonly name: string;

  constructor(project: TestProject, name: string) {
    this.project = project;
    this.name = name;
  }

  /** The same stack, run with other environment variables. */
  with(env: Record<string, string | undefined>): TestStack {
    return new TestStack(this.project.with(env), this.name);
  }

  /** Sets a config value; passwords and secrets as secrets. A key without a namespace belongs to the project. */
  set(key: string, value: string, ...flags: string[]): Promise<CliResult> {
    const secret = /password|secret/i.test(key) && !flags.includes("--plaintext") ? ["--secret"] : [];
    return this.run(
      "config",
      "set",
      key.includes(":") ? key : `keycloak-apisix:${key}`,
      ...secret,
      ...flags,
      value,
    );
  }

  /** Sets a config value of any shape, in the clear, by editing the stack's file. */
  async setObject(key: string, value: unknown): Promise<void> {
    await this.#edit(key, (line) => [`${line} ${JSON.stringify(value)}`]);
  }

  /** Removes a config value from the stack's file. */
  async unset(key: string): Promise<void> {
    await this.#edit(key, () => []);
  }

  async #edit(key: string, lines: (line: string) => string[]): Promise<void> {
    const file = path.join(this.project.folder, `Pulumi.${this.name}.yaml`);
    const line = `  ${key.includes(":") ? key : `keycloak-apisix:${key}`}:`;
    // The current value may span several lines, each indented further than its key.
    let within = false;
    const others = (await readFile(file, "utf8")).split("\n").filter((text) => {
      within = text.startsWith(line) || (within && /^ {3,}/.test(text));
      return !within;
    });
    const at = others.findIndex((text) => text.startsWith("config:")) + 1;
    await writeFile(file, others.toSpliced(at, 0, ...lines(line)).join("\n"));
  }

  run(...args: string[]): Promise<CliResult> {
    return this.project.pulumi(...args, "--stack", this.name);
  }

  up(...args: string[]): Promise<CliResult> {
    return this.run("up", "--yes", "--skip-preview", ...args);
  }
  preview(...args: string[]): Promise<CliResult> {
    return this.run("preview", ...args);
  }
  destroy(...args: string[]): Promise<CliResult> {
    return this.run("destroy", "--yes", "--skip-preview", ...args);
  }

  /** What an up would do, by resource. Resources that stay the same are left out. */
  async forecast(...args: string[]): Promise<Step[]> {
    const { stdout, output, exitCode } = await this.run("preview", "--json", ...args);
    if (exitCode !== 0) throw new Error(output);
    const { steps } = JSON.parse(stdout.slice(stdout.indexOf("{"))) as {
      steps: { op: string; urn: string; newState?: { inputs?: Record<string, unknown> } }[];
    };
    return steps
      .filter(({ op }) => op !== "same")
      .map(({ op, urn, newState }) => ({
        name: urn.split("::").at(-1) ?? urn,
        op,
        drift: newState?.inputs?.drift as Step["drift"],
        plan: newState?.inputs?.plan as Step["plan"],
        corrects: newState?.inputs?.corrects as Step["corrects"],
      }));
  }

  // biome-ignore lint/suspicious/noExplicitAny: outputs of any shape
  async outputs(): Promise<any> {
    const { stdout } = await this.run("stack", "output", "--json", "--show-secrets");
    return JSON.parse(stdout);
  }

  /** The text of the state file. */
  state(): Promise<string> {
    return readFile(this.#stateFile, "utf8");
  }

  /** Unlocks the stack after a kill, as docs/troubleshooting.md says. */
  async unlock(): Promise<CliResult> {
    const canceled = await this.run("cancel", "--yes");
    if (!/failed to load checkpoint: EOF/.test(canceled.output)) return canceled;
    await this.removeEmptyAttributes();
    return this.run("cancel", "--yes");
  }

  /** A kill may have emptied the state's .attrs file, since Pulumi's writes are not atomic. */
  async removeEmptyAttributes(): Promise<void> {
    const attributes = `${this.#stateFile}.attrs`;
    if ((await exists(attributes)) && (await readFile(attributes, "utf8")) === "") await rm(attributes);
  }

  get #stateFile(): string {
    const stacks = path.join(this.project.folder, "state", ".pulumi", "stacks");
    return path.join(stacks, "keycloak-apisix", `${this.name}.json`);
  }
}
