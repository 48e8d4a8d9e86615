// Runs one command and measures it with everything that it starts: wall time from spawn to exit, and the peak of the
// memory that all its processes hold at the same moment.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { endProcesses, listProcesses } from "../rig/machine/processes.ts";
import type { Command } from "./contestants/contestant.ts";

export interface Measured {
  readonly seconds: number;
  /** Bytes; undefined where there is no /proc. */
  readonly memory: number | undefined;
  /** Seconds of processor time, Keycloak's not among them; undefined where there is no /proc. */
  readonly processor: number | undefined;
  readonly exitCode: number;
  readonly output: string;
}

/** Milliseconds between two looks; one costs some 5 ms of a core. */
const interval = 100;

/** Inherited by all children, also by those that lose their parent. */
const markName = "KEYCLOAK_APISIX_BENCH_RUN";
const benchId = randomUUID();
let runs = 0;

/** What Linux tells of a process's memory: shared pages divided among those that share them, or else all it holds. */
export type MemoryKind = "PSS" | "RSS";
export const memoryKind: MemoryKind | undefined = (["PSS", "RSS"] as const).find(
  (kind) => memoryOf(process.pid, kind) !== undefined,
);

export async function measure(
  command: Command,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Measured> {
  const mark = `${benchId}-${++runs}`;
  const output: Buffer[] = [];
  const start = performance.now();
  const child = spawn(command.program, command.args, {
    cwd: command.cwd,
    env: { ...env, ...command.env, [markName]: mark },
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => output.push(data));
  const tree = new ProcessTree(child, `${markName}=${mark}\0`);
  const timer = memoryKind && setInterval(() => tree.look(), interval);
  let seconds = 0;
  child.once("exit", () => {
    seconds = (performance.now() - start) / 1000;
    clearInterval(timer);
  });
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once("error", reject).once("close", (code) => resolve(code ?? -1));
    });
    const memory = memoryKind && tree.peak;
    const processor = memoryKind && tree.processor;
    return { seconds, memory, processor, exitCode, output: Buffer.concat(output).toString() };
  } finally {
    clearInterval(timer);
  }
}

/** Ends whatever the measured commands have left running. @returns how many there were. */
export function endLeftovers(): Promise<number> {
  return endProcesses(async () =>
    (await listProcesses(true)).filter(({ command }) => command.includes(`${markName}=${benchId}-`)),
  );
}

class ProcessTree {
  peak = 0;
  readonly #mark: string;
  readonly #ours: Set<number>;
  readonly #others = new Set<number>();
  readonly #ticks = new Map<number, number>();

  constructor({ pid = 0 }: ChildProcess, mark: string) {
    this.#mark = mark;
    this.#ours = new Set([pid]);
  }

  look(): void {
    for (const name of readdirSync("/proc")) {
      const pid = Number(name);
      if (Number.isNaN(pid) || this.#ours.has(pid) || this.#others.has(pid)) continue;
      (this.#carriesMark(pid) ? this.#ours : this.#others).add(pid);
    }
    let sum = 0;
    for (const pid of this.#ours) {
      sum += memoryOf(pid) ?? 0;
      const ticks = ticksOf(pid);
      if (ticks !== undefined) this.#ticks.set(pid, ticks);
    }
    this.peak = Math.max(this.peak, sum);
  }

  /** What was seen at the last look; a process that lived between two looks is left out. */
  get processor(): number {
    return [...this.#ticks.values()].reduce((all, ticks) => all + ticks, 0) / ticksPerSecond;
  }

  #carriesMark(pid: number): boolean {
    try {
      return `${readFileSync(`/proc/${pid}/environ`, "latin1")}\0`.includes(this.#mark);
    } catch {
      return false; // Somebody else's, or it has ended.
    }
  }
}

function memoryOf(pid: number, kind = memoryKind): number | undefined {
  const [file, line] =
    kind === "PSS" ? ["smaps_rollup", /^Pss: +(\d+) kB/m] : (["status", /^VmRSS:\s+(\d+) kB/m] as const);
  try {
    const kilobytes = (line as RegExp).exec(readFileSync(`/proc/${pid}/${file}`, "latin1"))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

/** USER_HZ, the same on every Linux that Node runs on. */
const ticksPerSecond = 100;

function ticksOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // Behind the program's name, which may hold anything: state is field 3, user and system time are 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return undefined;
  }
}
