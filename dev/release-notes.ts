// `npm run --silent release-notes -- v1.2.3`: checks that this tag may be published, and prints what CHANGELOG.md says of the
// release. The release workflow runs it first.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { failWith } from "../rig/console/steps.ts";
import { root } from "../rig/machine/folders.ts";
import { requireAddress } from "./pack/published.ts";
import { changesOf } from "./release/changelog.ts";

const [tag] = process.argv.slice(2);
try {
  const manifest = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
  if (tag !== `v${manifest.version}`) {
    throw new Error(`Tag '${tag ?? ""}' is not that of package.json's version: v${manifest.version}.`);
  }
  const changes = changesOf(await readFile(path.join(root, "CHANGELOG.md"), "utf8"), manifest.version);
  requireAddress(manifest);
  console.log(changes);
} catch (error) {
  failWith(error);
}
