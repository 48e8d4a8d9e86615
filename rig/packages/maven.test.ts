// What Maven fetches is used only if it is the pinned file. Needs Maven, and its dependency plugin.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { digests } from "../keycloak/digests.ts";
import { keycloakVersion } from "../keycloak/server.ts";
import { fetchFromMaven } from "./maven.ts";

// Maven has it already: this is the plugin that fetches.
const artifact = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:jar";
const sha512 =
  "1b6f5596668e7be1284b3a1d233be3721448cdd138e1787061e7e7a2936305c6dfd1533921784dd316fb7b0235aefbae165782a0ecba0a34022ee271f2f2b191";

test("the Keycloak that runs by default is pinned by its digest", (t) => {
  t.truthy(digests[keycloakVersion]);
});

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
