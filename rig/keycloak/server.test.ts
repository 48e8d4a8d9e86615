// Dependabot raises Keycloak's release in compose.yaml alone. These tests say what else has to follow.
import { glob, readFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { untested } from "../../components/keycloak/tested-releases.ts";
import { root } from "../machine/folders.ts";
import { digests } from "./digests.ts";
import { cxKeycloakVersion, keycloakImage, keycloakVersion } from "./server.ts";

test("compose.yaml names an image and a release", (t) => {
  t.is(keycloakImage, "quay.io/keycloak/keycloak");
  t.regex(keycloakVersion, /^\d+\.\d+\.\d+$/);
});

test("each Keycloak that npm start and npm test run by default is pinned by its digest", (t) => {
  for (const version of [keycloakVersion, cxKeycloakVersion]) t.truthy(digests[version], version);
});

test("the newest Keycloak is tested: it gets no warning, and a row in docs/versions.md", async (t) => {
  t.is(untested(keycloakVersion), undefined);
  const page = await readFile(path.join(root, "docs", "versions.md"), "utf8");
  t.true(page.includes(`| ${keycloakVersion} | passes |`), "run npm run test:matrix");
});

test("each page that says which Keycloaks are tested names the newest", async (t) => {
  const named: string[] = [];
  for await (const file of glob(["{README,CONTRIBUTING,SECURITY}.md", "docs/*.md"], { cwd: root })) {
    const text = await readFile(path.join(root, file), "utf8");
    for (const [, newest] of text.matchAll(/18\.0\.2 to (\d+\.\d+\.\d+)/g)) {
      t.is(newest, keycloakVersion, file);
      named.push(file);
    }
  }
  t.true(named.includes("README.md"));
});
