// Our program and @pulumi/keycloak's once more on a fresh machine, such as a CI runner, with nothing compiled yet: ours
// without Node's compile cache, theirs as `pulumi new` sets it up (CommonJS, type-checked) without ts-node's cache. One realm.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { root } from "../../rig/machine/folders.ts";
import type { Contestant } from "./contestant.ts";
import { pulumiProject, reexport } from "./pulumi-program.ts";

const atOneRealm = (realms: number) => (realms === 1 ? Number.POSITIVE_INFINITY : 0);

export const keycloakApisixCold: Contestant = {
  name: "keycloak-apisix-cold",
  title: "keycloak-apisix, nothing compiled yet",
  role: "ours",
  works: true,
  rounds: atOneRealm,
  prepare: (given) =>
    pulumiProject({ program: reexport("index.ts"), env: { NODE_COMPILE_CACHE: undefined } }, given, {
      touches: { fresh: 6, preview: 0 },
    }),
};

export const pulumiKeycloakCold: Contestant = {
  name: "pulumi-keycloak-cold",
  title: "@pulumi/keycloak, nothing compiled yet",
  role: "peer",
  works: true,
  rounds: atOneRealm,
  async prepare(given) {
    const source = (name: string) => readFile(path.join(root, "bench", "programs", name), "utf8");
    const layout = {
      program: (await source("pulumi-keycloak.ts")).replace("./settings.ts", "./settings"),
      files: {
        "package.json": '{ "name": "template", "main": "index.ts" }\n',
        "tsconfig.json": JSON.stringify({ compilerOptions, files: ["index.ts"] }),
        "settings.ts": await source("settings.ts"),
      },
      env: { NODE_COMPILE_CACHE: undefined, TS_NODE_CACHE: "false" },
    };
    return pulumiProject(layout, given, { touches: { fresh: 4, preview: 0 }, preview: ["--refresh"] });
  },
};

/** The compiler options of Pulumi's template. */
const compilerOptions = {
  strict: true,
  outDir: "bin",
  target: "es2020",
  module: "nodenext",
  moduleResolution: "nodenext",
  sourceMap: true,
  experimentalDecorators: true,
  pretty: true,
  noFallthroughCasesInSwitch: true,
  noImplicitReturns: true,
  forceConsistentCasingInFileNames: true,
};
