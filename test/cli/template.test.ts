// template/, the way somebody begins with it: `pulumi new` by the real CLI, the packed package from npm's side, then README's
// commands and the nightly job's as they are printed, each with the account that it asks for.
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { execa } from "execa";
import { satisfies } from "semver";
import { parse } from "yaml";
import { changeMapper } from "../../rig/keycloak/by-hand.ts";
import { server, TestRealm } from "../../rig/keycloak/realm.ts";
import { root } from "../../rig/machine/folders.ts";
import { packed } from "../../rig/packages/npm.ts";
import { TestProject, withoutKeycloak } from "../../rig/pulumi/project.ts";
import { password, sameRealm, succeeded } from "../support/given.ts";
import { type Account, serviceAccount, toWatch } from "../support/limited-admin.ts";

const template = path.join(root, "template");

test("the template asks for this version of the package", async (t) => {
  const manifest = async (folder: string) =>
    JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
  const { dependencies } = await manifest(template);
  t.true(satisfies((await manifest(root)).version, dependencies["keycloak-apisix"]));
});

test("a project made by `pulumi new` runs as its README says, and its nightly job sees drift", async (t) => {
  const { tarball } = await packed();
  const realm = await TestRealm.create();
  t.teardown(() => realm.delete());
  const writer = await serviceAccount(realm, ["manage-users", "manage-clients", "manage-realm"]);
  const reader = await serviceAccount(realm, toWatch);
  const before = await realm.snapshot();

  const project = await TestProject.create({ install: async () => {}, env: withoutKeycloak });
  t.teardown(() => project.delete());
  // What npm would fetch comes from here; all else is as it stands in the repository.
  const clone = path.join(project.folder, "keycloak-apisix");
  const source = path.join(clone, "template");
  await cp(template, source, { recursive: true });
  const packageJson = path.join(source, "package.json");
  const text = await readFile(packageJson, "utf8");
  await writeFile(packageJson, text.replace(/("keycloak-apisix": )"[^"]*"/, `$1"file:${tarball}"`));

  const run = async (script: string, cwd: string, account?: Account) => {
    const { exitCode, all } = await execa("bash", ["-e", "-c", script], {
      cwd,
      env: { ...project.env, ...account },
      // What `read` and `config set` ask for.
      input: `${account?.KEYCLOAK_CLIENT_SECRET}\n${password}\n`,
      all: true,
      reject: false,
    });
    return { exitCode: exitCode ?? -1, output: all };
  };
  const settings = [
    `keycloak:url=${server.url}`,
    `keycloak:basePath=${server.basePath}`,
    `keycloak:realm=${realm.name}`,
    `realm=${realm.name}`,
  ];
  const readme = await readFile(path.join(root, "README.md"), "utf8");
  const [, making = ""] = /^```sh\n(mkdir [^`]*pulumi new .*)\n```/m.exec(readme) ?? [];
  const answers = settings.map((setting) => `--config ${setting}`).join(" ");
  succeeded(t, await run(`${making} --yes ${answers}`, clone));
  const folder = path.join(project.folder, "cx-realm");
  const files = (await readdir(folder)).toSorted();
  for (const file of [".github", ".gitignore", "Pulumi.production.yaml", "package-lock.json"])
    t.true(files.includes(file), `${file}: ${files}`);
  for (const file of ["Pulumi.yaml", "package.json", "README.md"]) {
    const generated = await readFile(path.join(folder, file), "utf8");
    t.notRegex(generated, /\$\{|^template:/m, file);
  }
  await execa(path.join(folder, "node_modules", ".bin", "tsc"), { cwd: folder });

  const shell = (script: string, account: Account) => run(script, folder, account);
  const ownReadme = await readFile(path.join(folder, "README.md"), "utf8");
  const [, commands = ""] = /^```sh\n([\s\S]*?)^```/m.exec(ownReadme) ?? [];
  const begun = await shell(
    commands.replace("=pulumi\n", `=${writer.KEYCLOAK_CLIENT_ID}\n`).replace("pulumi up", "pulumi up --yes"),
    writer,
  );
  succeeded(t, begun);
  t.regex(begun.output, /plan *: "create"/);
  t.regex(begun.output, /"client_id":"cim"/);
  t.true(await realm.canLogIn(password));

  const workflow = await readFile(path.join(folder, ".github/workflows/drift.yml"), "utf8");
  const nightly: string = parse(workflow).jobs.drift.steps.at(-1).run;
  succeeded(t, await shell(nightly, reader));
  await changeMapper(realm, { "access.token.claim": "false" });
  const drifted = await shell(nightly, reader);
  t.not(drifted.exitCode, 0);
  t.regex(drifted.output, /access\.token\.claim.*false, should be true/);

  const inTheClear = await shell(
    "pulumi config set --plaintext customerPassword clear && pulumi preview",
    writer,
  );
  t.not(inTheClear.exitCode, 0);
  t.regex(inTheClear.output, /'customerPassword' must be encrypted/);
  succeeded(t, await shell("pulumi destroy --yes --skip-preview", writer));
  sameRealm(t, await realm.snapshot(), before);
});
