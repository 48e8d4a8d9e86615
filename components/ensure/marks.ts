// Owner marks: what is written on an object to say which resource holds it. Whoever may read the object can read its mark, and
// some can write it, so what one holder hands over to the next is believed only with a proof.
import { createHash, randomBytes } from "node:crypto";

/** The owner mark on a live object. */
export interface Mark {
  /** False where the object cannot carry one. */
  readonly carries: boolean;
  /** What stands there, whoever wrote it. */
  readonly text?: string;
  /** True where others wipe it in passing, so that its absence tells nothing of the object. */
  readonly fragile?: true;
}

/** How an earlier holder had come by an object that it handed over. */
export type HandedOver = "created" | "adopted";

const prefix = "keycloak-apisix";

/** A secret of one resource's own. Its mark carries a hash of it, so that nobody else can speak for the resource. */
export function newKey(): string {
  return randomBytes(16).toString("hex");
}

export function markOf(key: string): string {
  return `${prefix} ${hash(key)}`;
}

/** Is this text an owner mark of this project's, whoever wrote it? */
export function isMark(text: string | undefined): boolean {
  return text?.startsWith(`${prefix} `) ?? false;
}

/** The next holder's mark, once the earlier one has handed over: its key, now of no other use, is the proof. */
export function handOverMark(next: string, how: HandedOver, key: string): string {
  return `${next} (${how} ${key})`;
}

/**
 * Does the live mark say that `mark` holds the object, and what did the earlier holder hand over?
 * @param found the mark that was on the object before: only its holder can have handed anything over
 */
export function readMark(
  live: string | undefined,
  mark: string,
  found: string | undefined,
): { readonly ours: boolean; readonly handedOver?: HandedOver } {
  if (live === mark) return { ours: true };
  for (const how of ["created", "adopted"] as const) {
    const [start, end] = [`${mark} (${how} `, ")"];
    if (!live?.startsWith(start) || !live.endsWith(end)) continue;
    const earlier = markOf(live.slice(start.length, -end.length));
    if (found === earlier || found?.startsWith(`${earlier} `)) return { ours: true, handedOver: how };
  }
  return { ours: false };
}

function hash(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 32);
}
