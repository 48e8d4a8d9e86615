// A copy of this repository in a folder of its own, as a fresh clone would be: with its own stacks and state. For what
// runs our commands as a user does and must leave this clone alone.

import { cp, symlink } from "node:fs/promises";
import path from "node:path";
import { root } from "./folders.ts";

const left = new Set([".git", ".local", "node_modules", "dist"].map((name) => path.join(root, name)));

/** Fills `folder`, which may be there already; the dependencies are this clone's. */
export async function copyClone(folder: string): Promise<void> {
  // Stack files other than the repository's own stay here as well.
  const ofSomebody = (file: string) => /^Pulumi\.(?!dev\.)[^/\\]+\.yaml$/.test(path.relative(root, file));
  await cp(root, folder, { recursive: true, filter: (file) => !left.has(file) && !ofSomebody(file) });
  await symlink(path.join(root, "node_modules"), path.join(folder, "node_modules"), "junction");
}
