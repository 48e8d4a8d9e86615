// Warnings and notes in the CLI's own words and place. The dynamic provider host offers no logger, but it is given the
// engine's address as its first argument.

const said = new Set<string>();
let connected = false;

/** Prints a warning once a process. Never throws: a warning must not turn a success into a failure. */
export function warn(message: string): Promise<void> {
  return say("warn", message);
}

/** The same for what is as it should be, and yet worth knowing. */
export function note(message: string): Promise<void> {
  return say("info", message);
}

async function say(severity: "warn" | "info", message: string): Promise<void> {
  if (said.has(message)) return;
  said.add(message);
  try {
    const pulumi = await import("@pulumi/pulumi");
    const engine = process.argv[2] ?? "";
    if (!connected && !pulumi.runtime.hasEngine() && /^\S+:\d+$/.test(engine)) {
      pulumi.runtime.resetOptions(pulumi.getProject(), pulumi.getStack(), 1, engine, "", false, "");
      connected = true;
    }
    await pulumi.log[severity](message);
  } catch {
    console.error(`${severity === "warn" ? "warning" : "info"}: ${message}`);
  }
}
