// examples/policy through the real CLI.
import { chmod, cp, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { root } from "../../rig/machine/folders.ts";
import { isOfficialEngine } from "../../rig/pulumi/engine.ts";
import { given, succeeded } from "../support/given.ts";

test("the policy pack refuses a stack that verifies no token, and no other", async (t) => {
  const { project, stack } = await given(t);
  const pack = path.join(project.folder, "policy");
  await cp(path.join(root, "examples", "policy"), pack, { recursive: true });
  await symlink(path.join(root, "node_modules"), path.join(pack, "node_modules"));
  // The Node host that Go can build runs no policy packs, but the CLI also takes a program that serves one.
  const program = path.join(pack, "serve");
  await writeFile(
    program,
    `#!/bin/sh
cd "$(dirname "$0")" && exec node node_modules/@pulumi/pulumi/cmd/run-policy-pack "$1" .
`,
  );
  await chmod(program, 0o755);
  const served = (await isOfficialEngine()) ? pack : program;
  const preview = () => stack.preview("--policy-pack", served);
  succeeded(t, await preview());
  await stack.set("verifyToken", "false");
  const { exitCode, output } = await preview();
  t.not(exitCode, 0);
  t.regex(
    output,
    /\[mandatory\] +token-is-verified .*User: [\w-]+\)\s.*\s.*leave verifyToken at its default/,
  );
});
