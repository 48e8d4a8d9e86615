// What the bench measures for a command: its time, and the memory and processor time of all its processes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { measure } from "./measure.ts";

(process.platform === "linux" ? test : test.skip)(
  "memory and processor time are the whole process tree's, orphans included, by kind",
  async (t) => {
    const cwd = await mkdtemp(path.join(tmpdir(), "keycloak-apisix-measure-"));
    t.teardown(() => rm(cwd, { recursive: true }));
    const say = (name: string) => `fs.writeFileSync("${name}", ""); setTimeout(() => all, 3000)`;
    const holding = `const all = Buffer.alloc(2e8, 1); ${say("held")}`;
    const working = `const all = 3e5; while (process.cpuUsage().user < all); ${say("worked")}`;
    // The inner shell ends at once and orphans both.
    const orphans = `(node -e '${holding}' & node -e '${working}' dynamic-provider &)`;
    const script = `${orphans}; until [ -e held ] && [ -e worked ]; do sleep 0.1; done; sleep 1; exit 3`;
    const { measured, exitCode } = await measure({ script, cwd, env: {} });
    t.true((measured.memory ?? 0) > 2e8, `${measured.memory}`);
    t.true((measured.provider ?? 0) >= 0.3, `${measured.provider}`);
    t.is(measured.engine, 0);
    t.is(exitCode, 3);
    t.true((measured.seconds ?? 0) >= 1);
  },
);
