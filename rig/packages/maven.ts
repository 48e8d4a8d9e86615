// Files from Maven repositories, by Maven's own client and its settings on this machine.

import { execa } from "execa";

const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";

/**
 * Puts an artifact into a folder that exists, unpacked or as it is. Needs `mvn`.
 * @throws Error with the end of what Maven said.
 */
export async function fetchFromMaven(
  goal: "unpack" | "copy",
  artifact: string,
  folder: string,
): Promise<void> {
  const { failed, stdout } = await execa(
    "mvn",
    ["-B", "-q", `${plugin}:${goal}`, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`],
    // The plugin leaves an empty folder where it runs.
    { cwd: folder, stdin: "ignore", reject: false },
  );
  if (!failed) return;
  const said = stdout.trim().split("\n").slice(-8).join("\n");
  throw new Error(`Maven could not bring ${artifact}:\n${said}`);
}
