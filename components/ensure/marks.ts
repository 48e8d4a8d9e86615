// Owner marks: written on an object to say which resource holds it. Whoever can read the object can read its mark,
// and some can write it, so what one holder hands over to the next is believed only with a proof.
import { createHash, createHmac, randomBytes } from "node:crypto";

/** The owner mark on a live object. */
export interface Mark {
  /** False if the object cannot carry one. */
  readonly carries: boolean;
  /** The text in its place, whoever wrote it. */
  readonly text?: string;
  /** True if others wipe it in passing: then its absence says nothing about the object. */
  readonly fragile?: true;
}

/** How an earlier holder came by the object that it handed over. */
export type HandedOver = "created" | "adopted";

const prefix = "keycloak-apisix";

/** A secret of one resource, which only its state has. The mark is a hash of it. */
export function newKey(): string {
  return randomBytes(16).toString("hex");
}

export function markOf(key: string): string {
  return `${prefix} ${hash(key)}`;
}

/** Is this text an owner mark of this project, whoever wrote it? */
export function isMark(text: string | undefined): boolean {
  return text?.startsWith(`${prefix} `) ?? false;
}

/**
 * The next holder's mark after the hand-over. What it says is signed with the next holder's key, which only that
 * holder and an earlier one in the same run know.
 */
export function handOverMark(nextKey: string, how: HandedOver): string {
  const signature = createHmac("sha256", nextKey).update(how).digest("hex").slice(0, 32);
  return `${markOf(nextKey)} (${how} ${signature})`;
}

/**
 * Does the live mark say that the resource with this key holds the object, and what did an earlier holder hand
 * over?
 */
export function readMark(
  live: string | undefined,
  key: string,
): { readonly ours: boolean; readonly handedOver?: HandedOver } {
  if (live === markOf(key)) return { ours: true };
  for (const how of ["created", "adopted"] as const)
    if (live === handOverMark(key, how)) return { ours: true, handedOver: how };
  return { ours: false };
}

function hash(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 32);
}
