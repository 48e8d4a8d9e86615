// Finds and ends processes that are certainly ours: by their command line or environment, never by name alone.

import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

export interface Process {
  pid: number;
  parent: number;
  /** The process group, which is the pid of the process that was started detached. */
  group: number;
  command: string;
}

/** All processes of this machine. With `environment`, `command` also holds the environment, as far as it is readable. */
export async function listProcesses(environment = false): Promise<Process[]> {
  if (process.platform !== "linux") return listWithPs(environment);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const processes = await Promise.all(pids.map((pid) => readProcess(pid, environment)));
  return processes.filter((process) => process !== undefined);
}

async function readProcess(pid: string, environment: boolean): Promise<Process | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The fields after the program's name, which may hold anything: state, parent, group.
    const [, , parent, group] = stat.slice(stat.lastIndexOf(")")).split(" ").map(Number);
    let command = await readFile(`/proc/${pid}/cmdline`, "utf8");
    if (environment) command += await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    return {
      pid: Number(pid),
      parent: parent ?? 0,
      group: group ?? 0,
      command: command.replaceAll("\0", " "),
    };
  } catch {
    return undefined; // It has ended in the meantime.
  }
}

async function listWithPs(environment: boolean): Promise<Process[]> {
  const { stdout } = await execa("ps", [environment ? "-AwwE" : "-Aww", "-o", "pid=,ppid=,pgid=,command="]);
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, group, command] = line.match(/^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/) ?? [];
    return command ? [{ pid: Number(pid), parent: Number(parent), group: Number(group), command }] : [];
  });
}

/**
 * Ends the processes that `find` finds: with SIGTERM first, with SIGKILL after `grace` milliseconds.
 * @returns how many there were
 */
export async function endProcesses(find: () => Promise<Process[]>, grace = 20_000): Promise<number> {
  const found = await find();
  signal(found, "SIGTERM");
  const start = Date.now();
  for (let left = found; left.length > 0; left = await find()) {
    const late = Date.now() - start - grace;
    if (late > 10_000) throw new Error(`Process ${left.map(({ pid }) => pid).join(", ")} does not end.`);
    if (late > 0) signal(left, "SIGKILL");
    await sleep(100);
  }
  return found.length;
}

function signal(processes: Process[], name: NodeJS.Signals) {
  for (const { pid } of processes) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended in the meantime.
    }
  }
}
