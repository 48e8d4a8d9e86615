// Runs a command and measures it together with everything that it starts: the wall time from spawn to exit, and the peak
// of the memory that all its processes hold at a time.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { endProcesses, listProcesses } from "../rig/machine/processes.ts";
import type { Command } from "./contestants/contestant.ts";

export interface Measured {
  readonly seconds: number;
  /** Bytes. Undefined without /proc. */
  readonly memory: number | undefined;
  /** Processor time in seconds, without Keycloak's. Undefined without /proc. */
  readonly processor: number | undefined;
  readonly exitCode: number;
  readonly output: string;
}

/** Milliseconds between two measurements. Each costs about 5 ms of a core. */
const interval = 100;

/** A variable that all children inherit, even those that lose their parent. */
const markName = "KEYCLOAK_APISIX_BENCH_RUN";
const benchId = randomUUID();
let runs = 0;

/** Which figure Linux offers: memory with shared pages divided among processes (PSS), or all that a process holds (RSS). */
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

/** Ends what the measured commands have left running. @returns the number of processes. */
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

  /** The processes at the last measurement. One that lives only between two measurements is missed. */
  get processor(): number {
    return [...this.#ticks.values()].reduce((all, ticks) => all + ticks, 0) / ticksPerSecond;
  }

  #carriesMark(pid: number): boolean {
    try {
      return `${readFileSync(`/proc/${pid}/environ`, "latin1")}\0`.includes(this.#mark);
    } catch {
      return false; // It belongs to another user, or has ended.
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
    // The fields after the program's name, which may hold anything: state is field 3, user and system time are 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return undefined;
  }
}
