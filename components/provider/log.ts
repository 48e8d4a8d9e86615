// Warnings and notes that appear in the CLI like Pulumi's own. The dynamic provider host offers no logger, but gets
// the engine's address as its first argument.

const said = new Set<string>();
let isConnected = false;

/** Prints a text once per process. Never throws: a warning must not turn a success into a failure. */
export async function say(severity: "warning" | "info", text: string): Promise<void> {
  if (said.has(text)) return;
  said.add(text);
  try {
    const pulumi = await import("@pulumi/pulumi");
    const engine = process.argv[2] ?? "";
    if (!isConnected && !pulumi.runtime.hasEngine() && /^\S+:\d+$/.test(engine)) {
      pulumi.runtime.resetOptions(pulumi.getProject(), pulumi.getStack(), 1, engine, "", false, "");
      isConnected = true;
    }
    await pulumi.log[severity === "warning" ? "warn" : "info"](text);
  } catch {
    console.error(`${severity}: ${text}`);
  }
}
