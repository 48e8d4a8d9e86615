// What the bench measures for a command: its time, and the memory of all its processes.
import test from "ava";
import { measure, memoryKind } from "./process-tree.ts";

(memoryKind ? test : test.skip)("memory counts the whole process tree, orphans included", async (t) => {
  const held = 200_000_000;
  const holding = `const held = Buffer.alloc(${held}, 1); setTimeout(() => held, 2000)`;
  // The shell ends at once and orphans the process that holds the memory.
  const orphan = `node -e '${holding}' & sleep 0.3`;
  const run = (script: string) =>
    measure(
      { program: "sh", args: ["-c", script], cwd: process.cwd(), env: {} },
      process.env,
      new AbortController().signal,
    );
  const [tree, small] = await Promise.all([run(`(${orphan}); sleep 1.5`), run("sleep 1.5; exit 3")]);
  t.true((tree.memory ?? 0) > held, `${tree.memory}`);
  t.true((small.memory ?? 0) < held / 10, `${small.memory}`);
  t.is(small.exitCode, 3);
  t.true(small.seconds >= 1.5);
});
