// The published package: what `npm pack` includes, and that the real CLI runs it, provider and all, in a program that has
// nothing to do with this repository. `npm test` tries one program, `npm run test:package` all of them: CommonJS, plain
// JavaScript, pnpm and Yarn, the oldest and the newest @pulumi/pulumi, the oldest Node.
import { once } from "node:events";
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { minVersion } from "semver";
import ts from "typescript";
import { addressOf } from "../../dev/pack/published.ts";
import { copyClone } from "../../rig/machine/clone.ts";
import { root } from "../../rig/machine/folders.ts";
import { npm, packed, startNpm } from "../../rig/packages/npm.ts";
import { isOfficialEngine } from "../../rig/pulumi/engine.ts";
import { type GivenOptions, given, password, sameRealm, succeeded } from "../support/given.ts";
import {
  bun,
  forTypeScript,
  forTypeScript5,
  installBun,
  peerDependencies,
  pinned,
  pnpm,
  programManifest,
  yarn,
} from "../support/package.ts";

const { tarball, source } = await packed();
const unpacked = await mkdtemp(path.join(tmpdir(), "keycloak-apisix-unpacked-"));
await execa("tar", ["-xzf", tarball, "-C", unpacked]);
const inPackage = (name: string) => path.join(unpacked, "package", name);
/** A folder for the oldest Node and for Bun, apart from the programs, which must not depend on it. */
const nodes = await mkdtemp(path.join(tmpdir(), "keycloak-apisix-node-"));
const runsBun = await isOfficialEngine();
const files = (await readdir(inPackage(""), { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile())
  .map((entry) => path.relative(inPackage(""), path.join(entry.parentPath, entry.name)))
  .toSorted();

test("npm pack includes JavaScript, declarations and source maps of every module, and nothing else", async (t) => {
  const modules = (await readdir(path.join(source, "components"), { recursive: true }))
    .filter((name) => name.endsWith(".ts") && !/\.test\.ts$|(^|\/)testing\//.test(name))
    .map((name) => name.slice(0, -".ts".length));
  t.deepEqual(
    files,
    [
      ...["CHANGELOG.md", "LICENSE", "README.md", "package.json"],
      ...modules.flatMap((name) =>
        [".d.ts", ".js", ".js.map"].map((extension) => `dist/${name}${extension}`),
      ),
    ].toSorted(),
  );
  const imported = new Set(["dist/index", "dist/provider-process"]);
  for (const file of files.filter((name) => /\.(js|d\.ts)$/.test(name))) {
    const text = await readFile(inPackage(file), "utf8");
    for (const [, target = ""] of text.matchAll(/(?:from|import\()\s*["'](\.[^"']*)["']/g)) {
      const asFile = path.join(path.dirname(file), target);
      t.true(files.includes(asFile), `${file} points at ${target}`);
      imported.add(asFile.replace(/\.js$/, ""));
    }
  }
  t.deepEqual(
    modules.map((name) => `dist/${name}`).filter((name) => !imported.has(name)),
    [],
    "a module that nothing imports was not meant for the package",
  );
  const map = JSON.parse(await readFile(inPackage("dist/ensure/lifecycle.js.map"), "utf8"));
  t.deepEqual(map.sourcesContent, [
    await readFile(path.join(source, "components/ensure/lifecycle.ts"), "utf8"),
  ]);
});

test("npm pack leaves the repository as it was", async (t) => {
  const listing = await readdir(source);
  t.false(listing.includes("dist") || listing.some((name) => name.endsWith(".tgz")), listing.join(" "));
  t.deepEqual(await textsIn(source), await textsIn(root));
  const [readme = "", manifest = ""] = await textsIn(inPackage(""));
  const published = JSON.parse(manifest);
  for (const key of ["scripts", "workspaces", "devDependencies"]) t.false(key in published, key);
  t.is(published.homepage, `${addressOf(published)}#readme`);
  t.true(readme.includes(`](${addressOf(published)}/blob/v${published.version}/docs/library.md)`));
});

/** The files that npm packs in another form than the repository has them. */
const textsIn = (folder: string) =>
  Promise.all(["README.md", "package.json"].map((name) => readFile(path.join(folder, name), "utf8")));

test("npm publish sends these files, and is refused while the repository has no address", async (t) => {
  const folder = path.join(unpacked, "published");
  await copyClone(folder);
  const dry = await startNpm(folder, "publish", "--dry-run", "--json");
  const sent: { path: string }[] = JSON.parse(dry.stdout)["keycloak-apisix"].files;
  t.deepEqual(sent.map((file) => file.path).toSorted(), files);
  t.notRegex(dry.stderr, /auto-corrected/);

  await npm(folder, "pkg", "set", "repository.url=git+https://repository.invalid/keycloak-apisix.git");
  const before = await textsIn(folder);
  const requests: string[] = [];
  const registry = createServer(({ method, url }, response) => {
    requests.push(`${method} ${url}`);
    response.writeHead(404).end();
  });
  await once(registry.listen(0, "127.0.0.1"), "listening");
  t.teardown(() => registry.close());
  const host = `//127.0.0.1:${(registry.address() as AddressInfo).port}/`;
  const publish = () => startNpm(folder, "publish", `--registry=http:${host}`, `--${host}:_authToken=token`);
  const refused = await t.throwsAsync(publish());
  t.regex(refused?.message ?? "", /repository is still the placeholder .*npm pkg set repository\.url=/);
  t.deepEqual(requests, []);
  t.deepEqual(await textsIn(folder), before);

  await npm(folder, "pkg", "set", "repository.url=git+https://example.com/keycloak-apisix.git");
  await t.throwsAsync(publish());
  t.true(requests.includes("PUT /keycloak-apisix"), "with an address it gets as far as the registry");
});

const typescript = `
import * as pulumi from "@pulumi/pulumi";
import { ApisixEnablement, type ApisixEnablementArgs } from "keycloak-apisix";

const config = new pulumi.Config("keycloak-apisix");
const args: ApisixEnablementArgs = {
  realm: config.require("realm"),
  customerPassword: config.requireSecret("customerPassword"),
};
const enablement = new ApisixEnablement("cx", args);
export const audiences: pulumi.Output<readonly string[] | undefined> = enablement.token.apply((token) => token?.audiences);
`;

const tsconfig = JSON.stringify({
  compilerOptions: {
    module: "nodenext",
    moduleResolution: "nodenext",
    target: "es2022",
    strict: true,
    noEmit: true,
    types: ["node"],
  },
});

test("an ESM TypeScript program, installed by npm", async (t) => {
  const project = await goesRound(t, {
    program: typescript,
    files: {
      "package.json": programManifest(tarball, { type: "module" }, forTypeScript),
      "tsconfig.json": tsconfig,
    },
    install: npmAndTsc,
  });
  const installed = (name: string) => path.join(project.folder, "node_modules", name);

  t.deepEqual(undocumented(project.folder), []);
  t.false(
    (await readdir(installed("@pulumi"))).includes("keycloak"),
    "the program needs neither this package nor its plugin",
  );

  // What importing the package changes, apart from what @pulumi/pulumi changes.
  const { stdout, stderr } = await execa(
    process.execPath,
    ["--input-type=module", "--eval", importsWithoutEffect],
    { cwd: project.folder },
  );
  t.is(stdout + stderr, "[]");
});

const importsWithoutEffect = `
import "@pulumi/pulumi";
const look = () => ({
  globals: Reflect.ownKeys(globalThis).map(String),
  listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  open: process.getActiveResourcesInfo().length,
  environment: { ...process.env },
  folder: process.cwd(),
  console: Object.values(console),
});
const before = look();
await import("keycloak-apisix");
const after = look();
const { isDeepStrictEqual } = await import("node:util");
console.log(JSON.stringify(Object.keys(before).filter((key) => !isDeepStrictEqual(before[key], after[key]))));
`;

const commonJs = `
const pulumi = require("@pulumi/pulumi");
const { ApisixEnablement } = require("keycloak-apisix");
const config = new pulumi.Config("keycloak-apisix");
const enablement = new ApisixEnablement("cx", {
  realm: config.require("realm"),
  customerPassword: config.requireSecret("customerPassword"),
});
exports.audiences = enablement.token.apply((token) => token.audiences);
`;

const javascript = commonJs
  .replace(/const (.*) = require\((.*)\);/g, "import $1 from $2;")
  .replace("import pulumi from", "import * as pulumi from")
  .replace("exports.audiences", "export const audiences");

const esm = { type: "module" };
const oldest = { "@pulumi/pulumi": minVersion(peerDependencies["@pulumi/pulumi"] ?? "")?.version };
const newest = { "@pulumi/pulumi": "latest" };
const oldestNode = "22.12.0";
const workspace = JSON.stringify({ name: "workspace", private: true, workspaces: ["infra"] });

const others: Record<string, () => GivenOptions> = {
  "a CommonJS TypeScript program with the oldest @pulumi/pulumi": () => ({
    program: typescript,
    files: {
      "package.json": programManifest(tarball, {}, { ...forTypeScript5, ...oldest }),
      "tsconfig.json": tsconfig,
    },
    install: npmAndTsc,
  }),
  "an ESM TypeScript program with the oldest @pulumi/pulumi": () => ({
    program: typescript,
    files: {
      "package.json": programManifest(tarball, esm, { ...forTypeScript5, ...oldest }),
      "tsconfig.json": tsconfig,
    },
    install: npmAndTsc,
  }),
  "a CommonJS TypeScript program with `moduleResolution: node` and the newest @pulumi/pulumi": () => ({
    program: typescript,
    files: {
      "package.json": programManifest(tarball, {}, { ...forTypeScript5, ...newest }),
      "tsconfig.json": JSON.stringify({
        compilerOptions: {
          module: "commonjs",
          moduleResolution: "node",
          target: "es2020",
          strict: true,
          noEmit: true,
        },
      }),
    },
    install: npmAndTsc,
  }),
  [`a CommonJS program on Node ${oldestNode}, with the newest @pulumi/pulumi`]: () => {
    const node = path.join(nodes, "node_modules", ".bin");
    return {
      program: commonJs,
      main: "index.js",
      files: { "package.json": programManifest(tarball, {}, newest) },
      install: async (folder) => {
        await npm(folder, "install");
        const name = `node-${process.platform}-${process.arch}@${oldestNode}`;
        await npm(nodes, "install", "--no-save", "--prefix", nodes, name);
      },
      env: { PATH: `${node}${path.delimiter}${process.env.PATH}` },
    };
  },
  "a plain ESM program in a subfolder": () => ({
    program: javascript,
    main: "programs/cx/index.js",
    files: { "package.json": programManifest(tarball, esm) },
    install: (folder) => npm(folder, "install"),
  }),
  "an ESM TypeScript program in a pnpm workspace": () => ({
    program: typescript,
    main: "infra/index.ts",
    files: {
      "package.json": workspace,
      "pnpm-workspace.yaml": "packages: [infra]\nstrictDepBuilds: false\n",
      "infra/package.json": programManifest(tarball, esm, forTypeScript),
      "infra/tsconfig.json": tsconfig,
    },
    install: (folder) => pnpm(folder, "install"),
  }),
  "a CommonJS program in a pnpm workspace, hoisted": () => ({
    program: commonJs,
    main: "infra/index.js",
    files: {
      "package.json": workspace,
      "pnpm-workspace.yaml": "packages: [infra]\nnodeLinker: hoisted\nstrictDepBuilds: false\n",
      "infra/package.json": programManifest(tarball),
    },
    install: (folder) => pnpm(folder, "install"),
  }),
  "a CommonJS TypeScript program in a Yarn workspace, hoisted": () => ({
    program: typescript,
    main: "infra/index.ts",
    files: {
      "package.json": workspace,
      ".yarnrc.yml": "nodeLinker: node-modules\nenableTelemetry: false\n",
      "infra/package.json": programManifest(tarball, {}, forTypeScript),
      "infra/tsconfig.json": tsconfig,
    },
    install: (folder) => yarn(folder, "install"),
  }),
  "a plain ESM program installed by Yarn with its pnpm linker": () => ({
    program: javascript,
    main: "index.js",
    files: {
      "package.json": programManifest(tarball, esm),
      ".yarnrc.yml": "nodeLinker: pnpm\nenableTelemetry: false\n",
    },
    install: (folder) => yarn(folder, "install"),
  }),
  "an ESM TypeScript program installed by Bun": () => ({
    program: typescript,
    files: {
      "package.json": programManifest(tarball, esm, forTypeScript),
      "tsconfig.json": tsconfig,
    },
    install: (folder) => bun(folder, "install"),
  }),
};

if (process.env.TEST_PACKAGE === "all") {
  test.serial("a killed npm pack leaves the repository as it was", async (t) => {
    const folder = path.join(unpacked, "killed");
    await copyClone(folder);
    const texts = async () => (await textsIn(folder)).join();
    const before = await texts();
    const packing = startNpm(folder, "pack", "--pack-destination", unpacked);
    await until(async () => (await texts()) !== before);
    packing.kill("SIGKILL");
    await until(async () => (await texts()) === before);
    t.pass();
  });

  for (const [title, options] of Object.entries(others)) {
    test.serial(title, async (t) => {
      await goesRound(t, options());
    });
  }

  (runsBun ? test.serial : test.serial.skip)("a TypeScript program that Bun runs", async (t) => {
    const bin = await installBun(nodes);
    await goesRound(t, {
      program: `if (!process.versions.bun) throw new Error("This is not Bun.");${typescript}`,
      files: {
        "package.json": programManifest(tarball, esm, forTypeScript),
        "tsconfig.json": tsconfig,
        "Pulumi.yaml": "name: keycloak-apisix\nruntime: bun\nmain: index.ts\n",
      },
      install: (folder) => bun(folder, "install"),
      env: { PATH: `${bin}${path.delimiter}${process.env.PATH}` },
    });
  });

  test.serial("a program that has the package only through another one learns what to add", async (t) => {
    const { stack } = await given(t, {
      program: javascript.replace('"keycloak-apisix"', '"platform"'),
      main: "index.js",
      files: {
        "package.json": JSON.stringify({
          private: true,
          ...esm,
          dependencies: { "@pulumi/pulumi": pinned["@pulumi/pulumi"], platform: "file:platform" },
        }),
        "pnpm-workspace.yaml": "hoist: false\nstrictDepBuilds: false\n",
        "platform/package.json": programManifest(tarball, {
          name: "platform",
          version: "1.0.0",
          exports: "./index.js",
          ...esm,
        }),
        "platform/index.js": 'export * from "keycloak-apisix";\n',
      },
      install: (folder) => pnpm(folder, "install"),
    });
    const { exitCode, output } = await stack.preview();
    t.not(exitCode, 0);
    t.regex(
      output,
      /keycloak-apisix is not installed where the program runs .*add it to the program's own dependencies/,
    );
    t.notRegex(output, /\n\s+at /);
  });
}

async function until(condition: () => Promise<boolean>, seconds = 60) {
  for (const end = Date.now() + seconds * 1000; !(await condition()); await sleep(20)) {
    if (Date.now() > end) throw new Error(`Nothing happened within ${seconds} seconds.`);
  }
}

/** Installs the package, and type-checks the program against the installed declarations. */
async function npmAndTsc(folder: string) {
  await npm(folder, "install");
  await execa(path.join(folder, "node_modules", ".bin", "tsc"), [], { cwd: folder });
}

/** Runs preview, up, preview and destroy on a program that enables the configured realm. */
async function goesRound(t: ExecutionContext, options: GivenOptions) {
  const { realm, stack, project } = await given(t, options);
  const before = await realm.snapshot();
  succeeded(t, await stack.preview());
  sameRealm(t, await realm.snapshot(), before);
  succeeded(t, await stack.up());
  t.deepEqual((await stack.outputs()).audiences.toSorted(), ["account", "cim"]);
  t.true(await realm.canLogIn(password));
  succeeded(t, await stack.preview("--expect-no-changes"));
  succeeded(t, await stack.destroy());
  sameRealm(t, await realm.snapshot(), before);
  return project;
}

/** The public names that an editor would not explain, in the declarations that a program in this folder sees. */
function undocumented(folder: string): string[] {
  const program = ts.createProgram([path.join(folder, "index.ts")], {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
  });
  const checker = program.getTypeChecker();
  const declarations = program
    .getSourceFiles()
    .find(({ fileName }) => fileName.endsWith("keycloak-apisix/dist/index.d.ts"));
  const module = declarations && checker.getSymbolAtLocation(declarations);
  if (!module) return ["no declarations found"];
  const lacks = (each: ts.Symbol | ts.Signature) => each.getDocumentationComment(checker).length === 0;
  const isOurs = (symbol: ts.Symbol) =>
    symbol.declarations?.some((each) => each.getSourceFile().fileName.includes("keycloak-apisix/dist/"));
  const within = (type: ts.Type, name: string): string[] =>
    type
      .getProperties()
      .filter(isOurs)
      .flatMap((member) => {
        const place = `${name}.${member.name}`;
        const of = checker.getTypeOfSymbol(member);
        const isLiteral = of.symbol?.declarations?.some(ts.isTypeLiteralNode);
        return [...(lacks(member) ? [place] : []), ...(isLiteral ? within(of, place) : [])];
      });
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    // An editor explains `new X(` by the constructor's own comment, not by the class's.
    const made = checker.getTypeOfSymbol(symbol).getConstructSignatures();
    return [
      ...(lacks(symbol) ? [symbol.name] : []),
      ...made.filter(lacks).map(() => `new ${symbol.name}`),
      ...made.flatMap(({ parameters }) =>
        parameters.filter(lacks).map(({ name }) => `${symbol.name}(${name})`),
      ),
      ...within(checker.getDeclaredTypeOfSymbol(symbol), symbol.name),
    ];
  });
}
