// Fetches files from Maven repositories, with Maven itself and the settings of this machine.

import { execa } from "execa";

// 3.8.1 and 3.11.0 read the artifact's POM and all its parents first, and not every parent is on every server.
const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.10.0";

/**
 * Puts an artifact, unpacked or as it is, into an existing folder. Needs `mvn`.
 * @throws Error with the end of Maven's output
 */
export async function fetchFromMaven(
  goal: "unpack" | "copy",
  artifact: string,
  folder: string,
): Promise<void> {
  const { failed, stdout } = await execa(
    "mvn",
    ["-B", "-q", `${plugin}:${goal}`, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`],
    // The plugin leaves an empty folder in its working directory.
    { cwd: folder, stdin: "ignore", reject: false },
  );
  if (!failed) return;
  const said = stdout.trim().split("\n").slice(-8).join("\n");
  throw new Error(`Maven could not fetch ${artifact}:\n${said}`);
}
