// Runs the CLI and kills it, or only the provider, with SIGKILL by process id. All its processes carry a mark in their
// environment, because language host and provider outlive the CLI.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "../../rig/machine/folders.ts";
import { listProcesses } from "../../rig/machine/processes.ts";
import type { TestStack } from "../../rig/pulumi/project.ts";

/** All processes at once; the CLI first and its children half a second later; only the provider. */
export type Victim = "everything" | "the CLI" | "the provider";

export class DoomedUp {
  readonly #mark = `KEYCLOAK_APISIX_DOOMED=${randomUUID()}`;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  output = "";

  constructor({ project, name }: TestStack) {
    const [variable = "", value = ""] = this.#mark.split("=");
    const args = ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", name];
    this.#child = spawn(path.join(root, "node_modules", ".bin", "pulumi"), args, {
      cwd: project.folder,
      env: { ...process.env, ...project.env, [variable]: value },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text) => {
        this.output += text;
      });
    this.#ended = new Promise((resolve) => this.#child.once("exit", resolve));
  }

  /** The exit code, if the CLI ends by itself in time. */
  async end(milliseconds: number): Promise<number | null | undefined> {
    const abort = new AbortController();
    const late = sleep(milliseconds, undefined, { signal: abort.signal }).catch(() => undefined);
    const code = await Promise.race([this.#ended, late]);
    abort.abort();
    return code;
  }

  /** Kills the victim, then all other processes. @returns how many died while the up was at work. */
  async kill(victim: Victim): Promise<number> {
    const killed = await this.#kill((command) => {
      if (victim === "the provider") return command.includes("dynamic-provider");
      return victim === "everything" || /\bpulumi\S* up /.test(command);
    });
    // The survivors continue for a moment; without its provider the CLI ends by itself.
    if (victim === "the CLI") await sleep(500);
    if (victim === "the provider") await this.end(60_000);
    while ((await this.#kill(() => true)) > 0) await sleep(50);
    await this.#ended;
    return killed;
  }

  async #kill(isMeant: (command: string) => boolean): Promise<number> {
    const all = await listProcesses(true);
    const ours = all.filter(({ command }) => command.includes(this.#mark) && isMeant(command));
    for (const { pid } of ours) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended in the meantime.
      }
    }
    return ours.length;
  }
}
