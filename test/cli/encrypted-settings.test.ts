// Settings in the clear are refused, however they are written; what is encrypted is accepted and stays encrypted. Each
// command that a message prints is run as printed.
import { readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { server } from "../../rig/keycloak/realm.ts";
import { copyClone } from "../../rig/machine/clone.ts";
import type { CliResult, TestProject, TestStack } from "../../rig/pulumi/project.ts";
import { given, password, succeeded } from "../support/given.ts";
import { inTheClear } from "../support/secrets.ts";

const inClone = { install: copyClone };

function preview({ project, name }: TestStack, ...args: string[]): Promise<CliResult> {
  return project.script("dev/pulumi.ts", "preview", "--stack", name, "--non-interactive", ...args);
}

/** Runs the command that ends the message, with this text on its stdin. */
async function runPrinted(t: ExecutionContext, project: TestProject, printed: CliResult, input = "") {
  const command = /npm run pulumi -- config .*$/m.exec(printed.output)?.[0];
  if (command === undefined) return t.fail(printed.output);
  const run = execa(command, { shell: true, cwd: project.folder, env: project.env, input, all: true });
  const { exitCode, all } = await run.catch((error) => error);
  t.is(exitCode, 0, `${command}\n${all}`);
}

function refused(t: ExecutionContext, result: CliResult, says: RegExp) {
  t.not(result.exitCode, 0);
  t.regex(result.output, says);
  t.notRegex(result.output, /in-the-clear|\n\s+at /);
}

test.serial("a password in the clear is refused, and the printed command encrypts it", async (t) => {
  const { realm, project, stack } = await given(t, inClone);
  const inClear = /^.*keycloak-apisix:(\S+) is in the clear/m;
  const corrected = async (path: string, input: string) => {
    const result = await preview(stack);
    refused(t, result, inClear);
    t.is(inClear.exec(result.output)?.[1], path);
    await runPrinted(t, project, result, input);
  };

  // The next refusal shows that the one before is mended.
  await stack.setObject("customerPassword", "in-the-clear");
  await corrected("customerPassword", password);

  // Beside an encrypted one, Pulumi calls the whole list a secret.
  const tenant = { realm: realm.name, customerPassword: "in-the-clear" };
  await stack.setObject("tenants", [tenant]);
  await stack.run("config", "set", "--secret", "--path", "tenants[0].customerProfile.email", "a@b.example");
  await corrected("tenants[0].customerPassword", password);

  // As one text, JSON in YAML.
  await stack.setObject("tenants", JSON.stringify([tenant]));
  await corrected("tenants", JSON.stringify([{ ...tenant, customerPassword: password }]));
  succeeded(t, await preview(stack));
  t.regex(await readFile(stackFile(project), "utf8"), /^ {2}keycloak-apisix:tenants:\n {4}secure:/m);
});

test.serial("an admin's password in the clear is refused, and the printed command encrypts it", async (t) => {
  const { project, stack } = await given(t, inClone);
  await stack.setObject("keycloak:password", "in-the-clear");
  // As npm runs it.
  const { exitCode, all } = await execa("npm", ["run", "pulumi", "--", "preview", "--stack", stack.name], {
    ...{ cwd: project.folder, env: project.env, all: true, stdin: "ignore", reject: false },
  });
  const result = { exitCode: exitCode ?? -1, output: all, stdout: "" };
  refused(t, result, /keycloak:password is in the clear/);
  await runPrinted(t, project, result, server.password);
  succeeded(t, await preview(stack));
});

test.serial("a password in the clear is refused in the file that --config-file names, too", async (t) => {
  const { realm, project, stack } = await given(t, inClone);
  const before = await readFile(stackFile(project), "utf8");
  await stack.setObject("tenants", [{ realm: realm.name, customerPassword: "in-the-clear" }]);
  await stack.run("config", "set", "--secret", "--path", "tenants[0].customerProfile.email", "a@b.example");
  await rename(stackFile(project), path.join(project.folder, "other.yaml"));
  await writeFile(stackFile(project), before);
  const elsewhere = ["--config-file", "other.yaml"];
  const result = await preview(stack, ...elsewhere);
  refused(t, result, /tenants\[0\]\.customerPassword is in the clear/);
  await runPrinted(t, project, result, password);
  succeeded(t, await preview(stack, ...elsewhere));
  t.is(await readFile(stackFile(project), "utf8"), before);
});

test.serial("a missing password and an unknown key: the printed command repairs it", async (t) => {
  const { project, stack } = await given(t, inClone);
  await stack.unset("customerPassword");
  const missing = await preview(stack);
  refused(t, missing, /customerPassword is missing/);
  await runPrinted(t, project, missing, password);
  await stack.setObject("tenants[0].realm", "a");
  const unknown = await preview(stack);
  refused(t, unknown, /tenants\[0\]\.realm is not a setting/);
  await runPrinted(t, project, unknown);
  succeeded(t, await preview(stack));
});

test.serial("what is encrypted in a profile is nowhere in the clear", async (t) => {
  const { realm, project, stack } = await given(t);
  const secrets = { "the first": "s3cret.one@example.com", "the second": "s3cret.two@example.com" };
  const stays = async (email: string) => {
    const up = await stack.up("--diff");
    succeeded(t, up);
    t.is((await realm.user()).email, email);
    const refreshed = await stack.run("refresh", "--yes", "--skip-preview", "--diff");
    succeeded(t, refreshed);
    const texts = { up: up.output, refresh: refreshed.output, state: await stack.state() };
    t.deepEqual(inTheClear(secrets, Object.entries(texts)), []);
  };
  const { "the first": first, "the second": second } = secrets;
  await stack.run("config", "set", "--secret", "--path", "customerProfile.email", first);
  await stays(first);
  await stack.setObject("tenants", [{ realm: realm.name, customerProfile: { lastName: "Customer" } }]);
  await stack.run("config", "set", "--secret", "--path", "tenants[0].customerProfile.email", second);
  await stays(second);
  // As a whole, which a type in Pulumi.yaml would not allow.
  const yaml = await readFile(path.join(import.meta.dirname, "..", "..", "Pulumi.yaml"), "utf8");
  await writeFile(path.join(project.folder, "Pulumi.yaml"), yaml);
  await stack.unset("tenants");
  await stack.run("config", "set", "--secret", "customerProfile", JSON.stringify({ email: first }));
  await stays(first);
  succeeded(t, await stack.preview("--expect-no-changes"));
});

test.serial(
  "the guide's password hides no name on stack dev, nor where all tenants are one secret",
  async (t) => {
    const { realm, project, stack } = await given(t);
    const shown = async (stack: TestStack) => {
      const result = await stack.preview("--diff");
      succeeded(t, result);
      t.regex(result.output, /password *: \[secret\]/);
      const names = [...result.output.matchAll(/(?:role|username) *: "(.*)"/g)].map(([, name]) => name);
      t.true(names.length >= 4, result.output);
      return { names: [...new Set(names)], output: result.output };
    };
    const dev = await project.stack("dev", { realm: realm.name });
    t.deepEqual((await shown(dev)).names, ["customer"]);

    // As everywhere, Pulumi hides the text of a secret setting in all that it prints.
    await stack.set("customerPassword", "customer");
    const { names, output } = await shown(stack);
    t.deepEqual(names, ["[secret]"]);
    t.regex(
      output,
      /is its username, which anybody can guess, and Pulumi may hide that word in all that it prints/,
    );

    await stack.unset("customerPassword");
    const tenants = [{ realm: realm.name, customerPassword: "customer" }];
    await stack.set("tenants", JSON.stringify(tenants), "--secret");
    t.deepEqual((await shown(stack)).names, ["customer"]);
  },
);

const stackFile = (project: TestProject) => path.join(project.folder, "Pulumi.test.yaml");
