// What `npm run setup` remembers in this clone of what it made: whatever it cannot recognise by that stays.

import { createHash, randomBytes } from "node:crypto";
import { readFile, rm, rmdir } from "node:fs/promises";
import path from "node:path";
import { local, writePrivately } from "../../rig/machine/folders.ts";

export interface SetupRecord {
  /** Stands in the attributes of the clients that it made, and nobody can guess it. */
  readonly id: string;
  /** A hash of the state backend's address, which may hold a password. */
  readonly backend: string;
  readonly madeStack: boolean;
}

export const accountsFolder = (stack: string) => path.join(local, "accounts", stack);
const recordFile = (stack: string) => path.join(accountsFolder(stack), "setup.json");

/** @throws Error if the stack was set up in another state backend */
export async function readRecord(stack: string): Promise<SetupRecord | undefined> {
  const text = await readFile(recordFile(stack), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { id, backend, madeStack } = JSON.parse(text);
  if (backend !== backendHere()) {
    throw new Error(
      `Stack ${stack} was set up in another state backend than the one that PULUMI_BACKEND_URL names now: set that variable as it was then.`,
    );
  }
  return { id: String(id), backend: String(backend), madeStack: madeStack === true };
}

export function newRecord(): SetupRecord {
  return { id: randomBytes(16).toString("hex"), backend: backendHere(), madeStack: false };
}

/** Nothing is left to be recognised. */
export async function removeRecord(stack: string): Promise<void> {
  await rm(recordFile(stack), { force: true });
  await rmdir(accountsFolder(stack)).catch(() => {});
}

export function writeRecord(stack: string, record: SetupRecord): Promise<void> {
  return writePrivately(recordFile(stack), `${JSON.stringify(record)}\n`);
}

function backendHere(): string {
  return createHash("sha256")
    .update(process.env.PULUMI_BACKEND_URL ?? "")
    .digest("hex");
}
