// The end of the provider process. The engine sends its process group SIGINT (on Windows SIGBREAK) when a command is
// over, and kills what is still there five seconds later.
import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds: well below those five seconds. */
const longest = 3000;

/** Runs an action before this process ends. However that goes, the signal then ends the process as it would have. */
export function beforeTheEnd(action: () => Promise<unknown>): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGBREAK"] as const) {
    process.once(signal, async () => {
      await Promise.race([action().catch(() => undefined), sleep(longest)]);
      // Whoever else listens has something to do too, and ends the process afterwards.
      if (process.listenerCount(signal) > 0) return;
      // Windows cannot send SIGBREAK.
      process.kill(process.pid, signal === "SIGBREAK" ? "SIGINT" : signal);
    });
  }
}
