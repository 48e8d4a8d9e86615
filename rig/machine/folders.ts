// Where files live on this machine, and how a folder is filled so that it never looks complete too early.

import { randomBytes } from "node:crypto";
import { constants, rmSync } from "node:fs";
import {
  access,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";

/** This clone. */
export const root = path.join(import.meta.dirname, "..", "..");

/** What belongs to this clone alone (state, passphrase, Keycloak's data) and is never committed. */
export const local = path.join(root, ".local");

/** Where the Pulumi CLI keeps its versions and plugins. */
export const pulumiHome = process.env.PULUMI_HOME || path.join(homedir(), ".pulumi");

/** Downloads that all clones on this machine share. */
export const cache = path.join(
  process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache"),
  "keycloak-apisix",
);

/** Node's compile cache, for faster starts. It goes by the hash of each source, so it never misses an edit. */
export const compileCache = path.join(cache, "compiled");

/** Receives one short line of progress at a time. */
export type Report = (line: string) => void;

export const windows = process.platform === "win32";
export const executable = (name: string) => (windows ? `${name}.exe` : name);

/** Is there a file or folder? */
export const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

export const isExecutable = (file: string) =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

/**
 * Fills `folder` unless it is complete: in a temporary folder beside it, which is renamed when done. An interrupted run
 * leaves nothing that looks complete. Of two runs at the same time, the later one uses what the earlier one made.
 */
export async function fillOnce(
  folder: string,
  isComplete: (folder: string) => Promise<boolean>,
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  if (await isComplete(folder)) return;
  await mkdir(path.dirname(folder), { recursive: true });
  await removeLeftovers(folder);
  const work = await mkdtemp(`${folder}.new-`);
  const tidy = () => rmSync(work, { recursive: true, force: true, maxRetries: 3 });
  process.once("exit", tidy);
  try {
    const fresh = path.join(work, "fresh");
    await mkdir(fresh);
    await fill(fresh);
    if (await isComplete(folder)) return;
    await rename(folder, path.join(work, "incomplete")).catch(() => {});
    await rename(fresh, folder).catch(async (error) => {
      if (!(await isComplete(folder))) throw error;
    });
  } finally {
    tidy();
    process.off("exit", tidy);
  }
}

/** Removes what killed runs left behind, after a day. */
async function removeLeftovers(folder: string) {
  const parent = path.dirname(folder);
  const dayAgo = Date.now() - 24 * 3600 * 1000;
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`${path.basename(folder)}.new-`)) continue;
    const leftover = path.join(parent, name);
    if ((await stat(leftover)).mtimeMs < dayAgo) await rm(leftover, { recursive: true, force: true });
  }
}

/** Creates a file with a random secret, unless it exists. Only its owner can read it. */
export async function secretFile(file: string): Promise<string> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const secret = randomBytes(24).toString("base64url");
  await writeFile(file, secret, { mode: 0o600, flag: "wx" }).catch((error) => {
    if (error.code !== "EEXIST") throw error;
  });
  return file;
}

/** Writes a file that only its owner may read, whatever was there before. */
export async function writePrivately(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await chmod(file, 0o600).catch(() => {});
  await writeFile(file, text, { mode: 0o600 });
}

/** The secret in a {@link secretFile}. */
export const readSecret = async (file: string) => (await readFile(await secretFile(file), "utf8")).trim();
