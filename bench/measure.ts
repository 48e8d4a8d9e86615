// Runs a command line and measures it together with everything that it starts: wall time, peak memory, processor time by
// kind of process, and what the engine writes. It needs Linux, whose /proc tells all but the wall time.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { endProcesses, listProcesses } from "../rig/machine/processes.ts";
import type { Metric, Processor } from "./figures.ts";

export interface CommandLine {
  /** For `sh`. */
  readonly script: string;
  readonly cwd: string;
  /** On top of the bench's own environment; undefined removes a variable. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A variable that all children inherit, even those that lose their parent. */
const mark = "KEYCLOAK_APISIX_BENCH";
const id = randomUUID();
let runs = 0;

export async function measure({ script, cwd, env }: CommandLine, outer = process.env, signal?: AbortSignal) {
  const run = `${id}-${++runs}`;
  const start = performance.now();
  const child = spawn("sh", ["-c", script], { cwd, env: { ...outer, ...env, [mark]: run }, signal });
  child.stdin.end();
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => output.push(data));
  const seen = new Map<number, Seen>();
  let memory = 0;
  // Each look costs about 5 ms of a core; what a process does after the last one is missed.
  const timer = setInterval(() => {
    memory = Math.max(memory, look(seen, `${mark}=${run}\0`));
  }, 100);
  let seconds = 0;
  child.once("exit", () => {
    seconds = (performance.now() - start) / 1000;
    clearInterval(timer);
  });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject).once("close", (code) => resolve(code ?? -1));
  });
  const sum = (kind: Processor, what: "seconds" | "written") =>
    [...seen.values()].reduce((all, each) => all + (each.kind === kind ? (each[what] ?? 0) : 0), 0);
  const processor = Object.fromEntries(kinds.map(([kind]) => [kind, sum(kind, "seconds")]));
  const written = sum("engine", "written");
  const measured: Partial<Record<Metric, number>> = { seconds, memory, written, ...processor };
  return { measured, exitCode, output: Buffer.concat(output).toString() };
}

/** Ends what the measured commands have left running. */
export async function endLeftovers(): Promise<void> {
  const own = `${mark}=${id}-`;
  await endProcesses(async () => (await listProcesses(true)).filter(({ command }) => command.includes(own)));
}

/** Whose processor time it is, by the command line. That of shells and npm is left out. */
const kinds: readonly (readonly [Processor, RegExp])[] = [
  ["provider", /dynamic-provider|pulumi-resource-/],
  ["program", /cmd\/run/],
  ["engine", /^[^\0]*pulumi(-language-nodejs)?\0/],
];

/** A process of this machine. */
interface Seen {
  readonly isOurs: boolean;
  kind?: Processor;
  seconds?: number;
  written?: number;
}

/** @returns how much memory our processes have right now */
function look(seen: Map<number, Seen>, ofRun: string): number {
  let memory = 0;
  for (const pid of readdirSync("/proc").map(Number)) {
    if (Number.isNaN(pid)) continue;
    const known = seen.get(pid) ?? { isOurs: `${read(pid, "environ")}\0`.includes(ofRun) };
    seen.set(pid, known);
    if (!known.isOurs) continue;
    // A new process still has its parent's command line, and one that has ended has none.
    const line = read(pid, "cmdline");
    known.kind = kinds.find(([, is]) => is.test(line))?.[0] ?? known.kind;
    known.seconds = processorOf(pid) ?? known.seconds;
    known.written = numberIn(pid, "io", /^wchar: (\d+)/m) || known.written;
    // Pages that processes share are divided among them.
    memory += 1024 * numberIn(pid, "smaps_rollup", /^Pss: +(\d+) kB/m);
  }
  return memory;
}

/** Processor time of a process so far, in seconds; undefined if it has ended. */
export function processorOf(pid: number): number | undefined {
  const stat = read(pid, "stat");
  // After the program's name, which may hold anything, come state (field 3), …, user and system time (14 and 15).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  // USER_HZ is 100 on every Linux that Node runs on.
  return Number.isNaN(ticks) ? undefined : ticks / 100;
}

const numberIn = (pid: number, file: string, pattern: RegExp) =>
  Number(pattern.exec(read(pid, file))?.[1] ?? 0);

/** Empty if the process has ended, or is somebody else's. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
