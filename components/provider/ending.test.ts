// What a process does between the signal that ends it and its end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import test from "ava";

const module = path.join(import.meta.dirname, "ending.ts");

/** Starts a process with this action before its end, and sends it SIGINT. @returns its output, and what ended it */
async function interrupted(action: string): Promise<{ output: string; signal: unknown }> {
  const code = `import { beforeTheEnd } from ${JSON.stringify(module)};
    beforeTheEnd(${action});
    setInterval(() => {}, 1000);
    console.log("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code]);
  let output = "";
  child.stdout.on("data", (data) => {
    output += data;
  });
  const closed = once(child, "close");
  await once(child.stdout, "data");
  child.kill("SIGINT");
  const [, signal] = await closed;
  return { output, signal };
}

test("the action runs, and then the signal ends the process", async (t) => {
  const slow =
    'async () => { await new Promise((done) => setTimeout(done, 50)); console.log("logged out"); }';
  t.deepEqual(await interrupted(slow), { output: "ready\nlogged out\n", signal: "SIGINT" });
});

test("an action that fails or hangs does not keep the process", async (t) => {
  const [failed, hung] = await Promise.all([
    interrupted('async () => { throw new Error("no"); }'),
    interrupted("() => new Promise(() => {})"),
  ]);
  t.deepEqual(failed, { output: "ready\n", signal: "SIGINT" });
  t.deepEqual(hung, { output: "ready\n", signal: "SIGINT" });
});
