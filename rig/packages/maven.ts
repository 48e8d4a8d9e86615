// Fetches files from Maven repositories, with Maven itself and the settings of this machine.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";

// 3.8.1 and 3.11.0 read the artifact's POM and all its parents first, and not every parent is on every server.
const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.10.0";

/**
 * Puts an artifact, unpacked or as it is, into an existing folder. Needs `mvn`.
 * @param sha512 the artifact's digest, if it is pinned
 * @throws Error with the end of Maven's output, or if the artifact has another digest
 */
export async function fetchFromMaven(
  goal: "unpack" | "copy",
  artifact: string,
  folder: string,
  sha512?: string,
): Promise<void> {
  const goals = sha512 === undefined ? [goal] : [...new Set(["copy", goal])];
  const { failed, stdout } = await execa(
    "mvn",
    [
      ...["-B", "-q", "--strict-checksums"],
      ...goals.map((each) => `${plugin}:${each}`),
      ...[`-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`],
    ],
    // The plugin leaves an empty folder in its working directory.
    { cwd: folder, stdin: "ignore", reject: false },
  );
  if (failed) {
    const said = stdout.trim().split("\n").slice(-8).join("\n");
    throw new Error(`Maven could not fetch ${artifact}:\n${said}`);
  }
  if (sha512 === undefined) return;
  const [, name, version, type] = artifact.split(":");
  const file = path.join(folder, `${name}-${version}.${type}`);
  const found = await digestOf(file);
  if (found !== sha512) {
    throw new Error(
      `Maven fetched another ${artifact} than the pinned one (SHA-512 ${found}, should be ${sha512}): delete it from Maven's local repository (~/.m2/repository), and find out where it came from.`,
    );
  }
  if (goal === "unpack") await rm(file);
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha512");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}
