// `npm run pulumi -- ARGS`: the pinned Pulumi CLI in the local environment.

import { failWith } from "../rig/console/steps.ts";
import { ensureEngine, ensureKeycloakPlugin } from "../rig/pulumi/engine.ts";
import { runPulumi } from "../rig/pulumi/run.ts";

try {
  await ensureEngine((line) => console.error(line));
  await ensureKeycloakPlugin((line) => console.error(line));
  const abort = new AbortController();
  // Ctrl-C reaches the CLI by itself; it tidies up, and we wait for it.
  process.on("SIGINT", () => process.stdin.isTTY || abort.abort());
  process.on("SIGTERM", () => abort.abort());
  process.exitCode = (await runPulumi(process.argv.slice(2), { signal: abort.signal })).exitCode;
} catch (error) {
  failWith(error);
}
