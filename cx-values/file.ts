// Reads the values file, and replaces it at once or not at all.

import { randomBytes } from "node:crypto";
import { access, constants, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import path from "node:path";

/** @throws Error with one sentence if there is no such file, or if it is not UTF-8 */
export async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new Error(`${file} could not be read (${codeOf(error)}).`);
  });
  try {
    // Not `utf8`, which would replace bytes that it does not know and drop a byte order mark.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error(`${file} is not UTF-8 text: convert it first.`);
  }
}

/**
 * Puts the new text in place of the old one, which it keeps the owner and the permissions of. A link stays a link.
 * @throws Error with one sentence if that is not possible, or if the file is no longer the one that was read
 */
export async function replaceText(file: string, before: string, after: string): Promise<void> {
  if ((await readText(file)) !== before) {
    throw new Error(`${file} changed in the meantime and is left as it is: run the command again.`);
  }
  const target = await realpath(file);
  // Beside the file, because a rename does not leave its file system.
  const fresh = path.join(
    path.dirname(target),
    `.${path.basename(target)}.${randomBytes(6).toString("hex")}`,
  );
  try {
    await access(target, constants.W_OK);
    const { mode, uid, gid } = await stat(target);
    const handle = await open(fresh, "wx", 0o600);
    try {
      const own = await handle.stat();
      if (own.uid !== uid || own.gid !== gid) await handle.chown(uid, gid);
      await handle.chmod(mode & 0o7777);
      await handle.writeFile(after);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, target);
  } catch (error) {
    await rm(fresh, { force: true });
    throw new Error(`${file} could not be written and is left as it is (${codeOf(error)}).`);
  }
}

/** ENOENT says more to an operator than a sentence of Node's with our temporary file in it. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? (meanings[code] ?? code) : `${error}`;
}

const meanings: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
};
