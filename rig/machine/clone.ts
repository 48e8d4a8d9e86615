// Copies this repository, like a fresh clone with stacks and state of its own: for tests that run our commands as a user
// does, and must leave this clone alone.

import { cp, symlink } from "node:fs/promises";
import path from "node:path";
import { root } from "./folders.ts";

const left = new Set([".git", ".local", "node_modules", "dist"].map((name) => path.join(root, name)));

/** Copies into `folder`, which may exist. The copy shares this clone's dependencies. */
export async function copyClone(folder: string): Promise<void> {
  // Nor are stack files copied, apart from the repository's own.
  const ofSomebody = (file: string) => /^Pulumi\.(?!dev\.)[^/\\]+\.yaml$/.test(path.relative(root, file));
  await cp(root, folder, { recursive: true, filter: (file) => !left.has(file) && !ofSomebody(file) });
  await symlink(path.join(root, "node_modules"), path.join(folder, "node_modules"), "junction");
}
