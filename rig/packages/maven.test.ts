// What Maven fetches is used only if it is the pinned file. Needs Maven, and its dependency plugin.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { fetchFromMaven } from "./maven.ts";

// Maven has it already: this is the plugin that fetches.
const artifact = "org.apache.maven.plugins:maven-dependency-plugin:3.10.0:jar";
const sha512 =
  "5eae516ee3136c403aa0800bc4397a08e3ba9ea03141affb1b5813affc7609bb5336f15d9c7ad0c8ff24ffaf15f1dde3af139276aec511e05700b1a86dde0e54";

test("the pinned file is used, another one is refused", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "maven-"));
  t.teardown(() => rm(folder, { recursive: true }));
  await fetchFromMaven("unpack", artifact, folder, sha512);
  const unpacked = await readdir(folder);
  t.true(unpacked.includes("META-INF") && !unpacked.some((name) => name.endsWith(".jar")), unpacked.join());

  const other = sha512.replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
  await t.throwsAsync(fetchFromMaven("unpack", artifact, folder, other), {
    message: /^Maven fetched another org\.apache.* than the pinned one/,
  });
});
