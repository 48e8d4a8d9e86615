// Who takes part. Each is a Pulumi project with its own state in a file; all have the same configuration and flags. `up` and
// `destroy` run with --skip-preview, as in `npm start` and CI: the preview is a figure of its own.
import { cp, mkdir, readFile, rm, symlink } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { TestRealm } from "../rig/keycloak/realm.ts";
import { copyClone } from "../rig/machine/clone.ts";
import { root } from "../rig/machine/folders.ts";
import { packed } from "../rig/packages/npm.ts";
import { pulumi } from "../rig/pulumi/engine.ts";
import { linkRepository, type ProjectOptions, TestProject, withoutKeycloak } from "../rig/pulumi/project.ts";
import type { Operation, Who } from "./figures.ts";
import type { CommandLine } from "./measure.ts";
import { customer, type Realms } from "./realms.ts";

export interface Command extends CommandLine {
  readonly operation: Operation;
  /** What its summary must count: a run that did other work than it should does not count. */
  readonly expected?: Readonly<Record<string, number>>;
}

export interface Contestant {
  /** Does it write to the realms? */
  readonly works: boolean;
  readonly commands: readonly Command[];
  /** Forgets what an earlier turn left outside the realms. */
  forget?(): Promise<void>;
  /** Size of its state in bytes. */
  state?(): Promise<number>;
  /** Takes back what preparing it has made on the server. */
  leave?(): Promise<void>;
}

interface Program {
  /** It reads `tenants`, `customerPassword` and `customerProfile`. */
  readonly project: ProjectOptions;
  /** How many it has in a realm, the component included. */
  readonly resources: number;
  readonly works?: boolean;
  readonly previewOption?: string;
  readonly operations?: readonly Operation[];
  /** How many the realms are divided among, and how the command lines of all become one. */
  readonly stacks?: number;
  readonly join?: (lines: readonly string[]) => string;
}

const source = (name: string) => readFile(path.join(root, "bench", "programs", name), "utf8");
const reexport = (file: string) => ({ program: `export * from ${JSON.stringify(path.join(root, file))};\n` });
const ours: Program = { project: reexport("index.ts"), resources: 7 };
// It says something only while it has our shape, so it must have as many resources as ours.
const floor: Program = { ...ours, project: reexport("bench/programs/idle-resources.ts"), works: false };
const peer: Program = {
  project: reexport("bench/programs/pulumi-keycloak.ts"),
  resources: 4,
  // It compares with its state only; to see what we see, it needs this.
  previewOption: "--refresh",
};
/** As on a fresh CI runner: nothing is compiled yet. */
const cold = (program: Program): Program => {
  const env = { NODE_COMPILE_CACHE: undefined, TS_NODE_CACHE: "false" };
  return { ...program, operations: ["fresh", "preview"], project: { ...program.project, env } };
};
const inTurn = (lines: readonly string[]) => lines.join(" && ");
const atOnce = (lines: readonly string[]) =>
  `all=; ${lines.map((line) => `${line} & all="$all $!"; `).join("")}for one in $all; do wait $one || exit 1; done`;

const programs: Readonly<Record<Exclude<Who, "clone">, Program>> = {
  ours,
  peer,
  floor,
  "ours-cold": cold({ ...ours, project: await ourTemplate() }),
  "peer-cold": cold({ ...peer, project: await template() }),
  "one-by-one": { ...ours, stacks: 5, join: inTurn },
  "side-by-side": { ...ours, stacks: 5, join: atOnce },
};

/** @param keycloak folder of the running Keycloak */
export function prepare(who: Who, realms: Realms, keycloak: string): Promise<Contestant> {
  return who === "clone" ? clone(keycloak) : project(programs[who], realms);
}

/** What `pulumi new` makes of template/, with the package as it comes from npm. */
async function ourTemplate(): Promise<ProjectOptions> {
  return {
    program: await source("keycloak-apisix.ts"),
    files: {
      "settings.ts": await source("settings.ts"),
      "tsconfig.json": await readFile(path.join(root, "template", "tsconfig.json"), "utf8"),
    },
    async install(folder) {
      await linkRepository(folder);
      const ours = path.join(folder, "node_modules", "keycloak-apisix");
      await rm(ours);
      await mkdir(ours);
      const { tarball } = await packed();
      await execa("tar", ["-xzf", tarball, "-C", ours, "--strip-components=1"]);
    },
  };
}

/** What `pulumi new typescript` makes: CommonJS, type-checked. */
async function template(): Promise<ProjectOptions> {
  const options = { strict: true, target: "es2020", module: "nodenext", moduleResolution: "nodenext" };
  return {
    program: (await source("pulumi-keycloak.ts")).replace("./settings.ts", "./settings"),
    files: {
      "package.json": '{ "name": "template", "main": "index.ts" }\n',
      "tsconfig.json": JSON.stringify({ compilerOptions: options, files: ["index.ts"] }),
      "settings.ts": await source("settings.ts"),
    },
  };
}

const flags = "--non-interactive --color never";
const lines = [
  { operation: "fresh", command: "up --yes --skip-preview", does: "created" },
  { operation: "again", command: "up --yes --skip-preview", does: undefined },
  { operation: "preview", command: "preview", does: undefined },
  { operation: "destroy", command: "destroy --yes --skip-preview", does: "deleted" },
] as const;

async function project(program: Program, { all }: Realms): Promise<Contestant> {
  const { works = true, previewOption = "", stacks: count = 1, join = inTurn } = program;
  const made = await TestProject.create(program.project);
  const stacks = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const stack = await made.stack(`bench-${index}`, { customerPassword: customer.password });
      const tenants = all.map(({ name }) => ({ realm: name })).filter((_, at) => at % count === index);
      await stack.setObject("tenants", tenants);
      await stack.setObject("customerProfile", customer.profile);
      return stack;
    }),
  );
  const state = path.join(made.folder, "state");
  const empty = path.join(made.folder, "empty-state");
  await cp(state, empty, { recursive: true });
  const commands = lines
    .filter(({ operation }) => program.operations?.includes(operation) ?? true)
    .map(({ operation, command, does }): Command => {
      const line = `'${pulumi}' ${command} ${operation === "preview" ? previewOption : ""} ${flags}`;
      const script = join(stacks.map(({ name }) => `${line} --stack ${name}`));
      // Each stack is a resource as well.
      const expected = does ? { [does]: program.resources * all.length + count } : {};
      return { operation, script, cwd: made.folder, env: made.env, expected };
    });
  return {
    works,
    commands,
    async forget() {
      await rm(state, { recursive: true });
      await cp(empty, state, { recursive: true });
    },
    async state() {
      const texts = await Promise.all(stacks.map((stack) => stack.state()));
      return Buffer.byteLength(texts.join(""));
    },
  };
}

/** What is wrong with the output, if anything. */
export function complaint({ expected }: Command, output: string): string | undefined {
  const counted: Record<string, number> = {};
  for (const [, count, what = ""] of output.matchAll(/^ +[+~-]+ (\d+) ([a-z ]+)$/gm))
    counted[what] = (counted[what] ?? 0) + Number(count);
  if (!expected || JSON.stringify(counted) === JSON.stringify(expected)) return undefined;
  return `its summary should count ${JSON.stringify(expected)}, and counts ${JSON.stringify(counted)}`;
}

/**
 * `npm start` and `npm run drift` as a developer runs them, in a clone that was started before, each beside a bare
 * `pulumi preview` of the same stack. Stack `dev` owns its realm; that of `clean` was there before.
 */
async function clone(keycloak: string): Promise<Contestant> {
  const options = { PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true" };
  const made = await TestProject.create({ install: copyClone, env: options });
  await mkdir(path.join(made.folder, ".local"));
  await symlink(keycloak, path.join(made.folder, ".local", "keycloak"));
  const { output, exitCode } = await made.with(withoutKeycloak).script("dev/start.ts");
  if (exitCode !== 0) throw new Error(output);
  const realm = await TestRealm.create({}, {}, "clean");
  const stack = await made.stack("clean", { realm: realm.name, customerPassword: customer.password });
  await stack.up();
  const { folder: cwd, env } = made;
  const npm = { cwd, env: { ...env, ...withoutKeycloak } };
  const bare = (name: string) => ({ cwd, env, script: `'${pulumi}' preview ${flags} --stack ${name}` });
  return {
    works: false,
    commands: [
      { operation: "start", script: "npm start", ...npm },
      { operation: "bare-start", ...bare("dev") },
      { operation: "drift", script: "npm run drift -- --stack clean", ...npm },
      { operation: "bare-drift", ...bare("clean") },
    ],
    async leave() {
      await realm.delete();
      await new TestRealm("expertflow").delete();
    },
  };
}
