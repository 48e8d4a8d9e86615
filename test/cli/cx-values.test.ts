// `npm run cx-values`, the way an operator and CI run it: in a clone, on a real stack, with a values file of CX's shape.
import { chmod, lstat, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { parse } from "yaml";
import { changeClient } from "../../rig/keycloak/by-hand.ts";
import { TestRealm } from "../../rig/keycloak/realm.ts";
import { copyClone } from "../../rig/machine/clone.ts";
import { TestProject } from "../../rig/pulumi/project.ts";
import { password, succeeded } from "../support/given.ts";
import { inTheClear } from "../support/secrets.ts";

const script = "cx-values/cx-values.ts";

async function clone(t: ExecutionContext): Promise<TestProject> {
  const project = await TestProject.create({ install: copyClone });
  t.teardown(() => project.delete());
  return project;
}

const values = `\uFEFF# Ours
apisixStandalone:
   routes:
     - id: ccm-login-unsecured
       uris: ["/ccm/login"]
     - id: ccm
       uris: ["/ccm/*"]
       hosts: ["{{ .Values.global.ingressRouter }}"]
       plugins:
#         openid-connect:
#           discovery: "http://keycloak.ef-external.svc/auth/realms/expertflow/.well-known/openid-configuration"
#           realm: "expertflow"
#           client_id: "cim"
#           client_secret: "shipped"
#           authz-keycloak:
#             client_id: "cim"
         proxy-rewrite:
           regex_uri: ["^/ccm/?(.*)", "/$1"]
`.replaceAll("\n", "\r\n");

test.serial("the stack's block is put on a route, kept up to date, and taken out again", async (t) => {
  const secrets = { "the first secret": "f1rst/S3cret+&=%", "the second secret": "s3cond/S3cret+&=%" };
  const [project, realm] = await Promise.all([
    clone(t),
    TestRealm.create(undefined, { secret: secrets["the first secret"] }),
  ]);
  t.teardown(() => realm.delete());
  const file = path.join(project.folder, "helm values", "apisix-custom-values.yaml");
  const link = path.join(project.folder, "helm values", "link.yaml");
  await mkdir(path.dirname(file));
  await writeFile(file, values);
  await chmod(file, 0o640);
  await symlink(path.basename(file), link);
  const stack = await project.stack("eu", { realm: realm.name, customerPassword: password });
  const outputs: [string, string][] = [];
  const run = async (...more: string[]) => {
    const args = ["--stack", "eu", "--apisix", link, ...more];
    const result = await project.script(script, ...args);
    outputs.push([more.join(" "), result.output]);
    return result;
  };
  const block = async () =>
    parse(await readFile(file, "utf8")).apisixStandalone.routes[1].plugins["openid-connect"];

  const early = await run();
  t.is(early.exitCode, 1, early.output);
  t.regex(early.output, /Stack 'eu' has no output enablements yet: run its up first/);
  succeeded(t, await stack.up());

  const differs = await run("--check");
  t.is(differs.exitCode, 2, differs.output);
  t.regex(differs.stdout, /^To be changed \(1\):\n {2}ccm +openid-connect is missing; authz-keycloak stays/m);
  t.regex(differs.stdout, /^Left open \(1\):\n {2}ccm-login-unsecured +its id ends in -unsecured$/m);
  t.is(await readFile(file, "utf8"), values);

  const printed = /^ {2}(npm run cx-values .*)$/m.exec(differs.stdout)?.[1] ?? "";
  // npm starts scripts in the clone, so the file's path counts from where the operator is.
  const there = { cwd: path.dirname(file), env: project.env, all: true, reject: false } as const;
  const asPrinted = await execa(printed, { ...there, shell: true });
  t.is(asPrinted.exitCode, 0, asPrinted.all);
  outputs.push(["as printed", asPrinted.all]);
  const written = await readFile(file, "utf8");
  const { enablements } = await stack.outputs();
  t.deepEqual(await block(), enablements[realm.name].apisix["openid-connect"]);
  t.is((await block()).client_secret, secrets["the first secret"]);
  t.is((await stat(file)).mode & 0o777, 0o640);
  t.true((await lstat(link)).isSymbolicLink());

  const same = await execa("npm", "run cx-values -- --stack eu --apisix link.yaml --check".split(" "), there);
  t.is(same.exitCode, 0, same.all);
  succeeded(t, await run());
  t.is(await readFile(file, "utf8"), written);

  await changeClient(realm, { secret: secrets["the second secret"] });
  succeeded(t, await stack.up());
  const rotated = await run("--check");
  t.is(rotated.exitCode, 2, rotated.output);
  t.regex(rotated.stdout, /openid-connect differs from the stack/);
  succeeded(t, await run());
  t.is((await block()).client_secret, secrets["the second secret"]);

  succeeded(t, await run("--remove"));
  t.is(await readFile(file, "utf8"), values);
  t.deepEqual(inTheClear(secrets, outputs), []);
});

test.serial("what cannot be done fails with one sentence, and nothing is changed", async (t) => {
  const project = await clone(t);
  const file = path.join(project.folder, "values.yaml");
  const refused = async (args: string[], words: RegExp) => {
    const { exitCode, stdout, output } = await project.script(script, ...args);
    t.is(exitCode, 1, output);
    t.is(stdout, "");
    t.regex(output, words);
    t.notRegex(output, /\n\s+at /);
  };
  await writeFile(file, values);
  // What npm passes on from `npm run cx-values --stack eu --apisix values.yaml`.
  await refused(["eu", "values.yaml"], /Unexpected argument 'eu': put options after '--'/);
  await refused(["--stack", "eu"], /Name a stack with --stack and a values file with --apisix/);
  await refused(["--stack", "eu", "--apisix", file, "--chek"], /^\n?Unknown option '--chek'\.\n/);
  await refused(
    ["--stack", "eu", "--apisix", `${file}.none`],
    /values\.yaml\.none could not be read \(there is no/,
  );
  await refused(["--stack", "none", "--apisix", file], /outputs of stack 'none' could not be read: .*none/);
  t.is(await readFile(file, "utf8"), values);
});
