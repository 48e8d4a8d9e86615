// May this object be removed, or put back as it was found? This is the part where people can be hurt, so it
// decides in one place and in doubt says no. All four must hold (DESIGN, "Ownership"):
//   (a) server and Keycloak id are the recorded ones;
//   (b) no other resource has checked, created or read the object as its own in this run;
//   (c) the owner mark, where the object can carry one, is still ours;
//   (d) a field still holds what we wrote, else that field stays.
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Fields, FieldValue, FoundAndWritten } from "./kinds/kind.ts";

/** What the state keeps of an object so that it can be taken back. */
export interface Holding {
  /** Address of the server that the object lives on. */
  readonly server: string;
  /** Keycloak's id of the object. */
  readonly uuid: string;
  /** False where `up` made the object. */
  readonly adopted: boolean;
  /** Tells this resource from all others; new with every create. */
  readonly holder: string;
  /** What is written on the object to say who holds it. */
  readonly mark: string;
  /** Each ensured field as it was found and as it was written; may hold personal data. */
  readonly before: Before;
}

export interface Before {
  readonly fields: Readonly<Record<string, FoundAndWritten>>;
  /** The mark, or label, that was there before ours. */
  readonly mark?: string;
}

const markPrefix = "keycloak-apisix";
/** Written behind the new holder's mark when an earlier holder hands its object over. */
const handedOver = { created: " (created)", adopted: " (adopted)" } as const;

/** A name that no other resource, stack or machine will take. */
export function newHolder(): string {
  return randomUUID();
}

export function markOf(holder: string): string {
  return `${markPrefix} ${holder}`;
}

/** Is this text an owner mark of this project's, whoever wrote it? */
export function isMark(text: string | undefined): boolean {
  return text?.startsWith(`${markPrefix} `) ?? false;
}

/** Does the live mark say that `mark` holds the object, and what did an earlier holder hand over? */
export function readMark(
  live: string | undefined,
  mark: string,
): { ours: boolean; handedOver?: keyof typeof handedOver } {
  if (live === mark) return { ours: true };
  for (const how of ["created", "adopted"] as const) {
    if (live === mark + handedOver[how]) return { ours: true, handedOver: how };
  }
  return { ours: false };
}

/** What is known of the live object when a resource lets go of it. */
export interface LiveObject {
  /** True for what is part of another object (a user's password): put back, never removed. */
  readonly attached: boolean;
  readonly uuid: string;
  readonly fields: Fields;
  readonly mark: { readonly carries: boolean; readonly text?: string };
}

export type Release =
  /** Nothing to do, and nothing to say. */
  | { readonly do: "nothing" }
  /** Left as it is; `why` completes "… was left: ". */
  | { readonly do: "leave"; readonly why: string }
  /** Another resource of this run holds it: leave it, and hand on what we know through the mark. */
  | { readonly do: "hand over"; readonly mark?: string }
  | { readonly do: "remove" }
  | {
      readonly do: "restore";
      readonly fields: Fields;
      /** The mark or label that was there before ours. */
      readonly mark: string | undefined;
      /** Fields that stay, each with the reason. */
      readonly left: Readonly<Record<string, string>>;
    };

/**
 * Decides what happens to a live object when its resource is deleted.
 * @param otherHolder the mark of another resource that held the object in this run
 * @param irreversible fields that cannot be put back, with the reason
 */
export function release(
  holding: Holding,
  server: string,
  live: LiveObject | undefined,
  otherHolder: Holder | undefined,
  irreversible: Readonly<Record<string, string>> = {},
): Release {
  if (server !== holding.server) {
    return { do: "leave", why: `it lives on ${holding.server}, and this stack now talks to ${server}` };
  }
  if (!live) return { do: "nothing" };
  if (live.uuid !== holding.uuid) {
    return { do: "leave", why: "somebody deleted it and made it again since" };
  }
  const mark = readMark(live.mark.text, holding.mark);
  if (otherHolder) return handOver(holding, mark, otherHolder, live);

  const changed = Object.entries(holding.before.fields).filter(
    ([, { found, written }]) => !isDeepStrictEqual(found, written),
  );
  const created = !live.attached && (!holding.adopted || mark.handedOver === "created");
  if (!created && changed.length === 0 && !mark.ours) return { do: "nothing" };
  if (live.mark.carries && !mark.ours) {
    return {
      do: "leave",
      why: isMark(live.mark.text)
        ? "another stack has adopted it since"
        : "our owner mark on it is gone (edited by hand, or its password was reset), so it may be in use by others",
    };
  }
  if (created) return { do: "remove" };

  const fields: Record<string, FieldValue> = {};
  const left: Record<string, string> = {};
  for (const [name, { found, written }] of changed) {
    const reason = found === undefined ? undefined : irreversible[name];
    if (reason) left[name] = reason;
    else if (isDeepStrictEqual(live.fields[name], written)) fields[name] = found;
    else if (!isDeepStrictEqual(live.fields[name], found)) left[name] = "somebody has changed it since";
  }
  const foundMark = mark.handedOver === "adopted" ? undefined : holding.before.mark;
  return { do: "restore", fields, mark: foundMark, left };
}

/** What we know goes on with the object, so that its holder can take back what we cannot any more. */
function handOver(
  holding: Holding,
  mark: ReturnType<typeof readMark>,
  other: Holder,
  live: LiveObject,
): Release {
  // What an earlier holder handed to us stands in the mark that the other one has taken over.
  const handed = mark.handedOver ?? readMark(other.found, holding.mark).handedOver;
  const created = !holding.adopted || handed === "created";
  if (live.attached || !live.mark.carries) return { do: "hand over" };
  // We had taken it over from the other holder, who still has it: give it back.
  if (mark.ours) return { do: "hand over", mark: other.mark + (created ? handedOver.created : "") };
  if (other.inherited || live.mark.text !== other.mark) return { do: "hand over" };
  if (created) return { do: "hand over", mark: other.mark + handedOver.created };
  return isMark(holding.before.mark) && handed !== "adopted"
    ? { do: "hand over" }
    : { do: "hand over", mark: other.mark + handedOver.adopted };
}

/** A resource that held an object in this run. */
export interface Holder {
  readonly mark: string;
  /** The mark that was on the object when it was adopted. */
  readonly found?: string;
  /** True where it took over what an earlier holder knew of the object. */
  readonly inherited: boolean;
}

/** Who held what in this run of the provider process. */
export class Run {
  readonly #holders = new Map<string, Map<string, Holder & { holding: Holding }>>();

  static #key(server: string, realm: string, kind: string, uuid: string): string {
    return JSON.stringify([server, realm, kind, uuid]);
  }

  hold(realm: string, kind: string, holding: Holding, inherited = false): void {
    const key = Run.#key(holding.server, realm, kind, holding.uuid);
    const holders = this.#holders.get(key) ?? new Map();
    holders.set(holding.holder, { mark: holding.mark, found: holding.before.mark, inherited, holding });
    this.#holders.set(key, holders);
  }

  /** The last holder of the object other than this one. */
  otherHolder(realm: string, kind: string, holding: Holding): Holder | undefined {
    const key = Run.#key(holding.server, realm, kind, holding.uuid);
    return [...(this.#holders.get(key)?.values() ?? [])].findLast(
      (other) => other.holding.holder !== holding.holder,
    );
  }

  /** The last holding of the object seen in this run: what a new holder inherits, or borrows the mark of. */
  lastHolding(server: string, realm: string, kind: string, uuid: string): Holding | undefined {
    const holders = this.#holders.get(Run.#key(server, realm, kind, uuid));
    return [...(holders?.values() ?? [])].at(-1)?.holding;
  }

  letGo(realm: string, kind: string, holding: Holding): void {
    this.#holders.get(Run.#key(holding.server, realm, kind, holding.uuid))?.delete(holding.holder);
  }
}
