// May this object be removed, or restored to what it was? A wrong answer hurts people, so it is decided in one
// place, and in doubt the answer is no. All four conditions must hold (docs/design.md, "Ownership"):
//   (a) server and Keycloak id are the recorded ones;
//   (b) no other resource holds the object in this run;
//   (c) the owner mark, if the object can carry one, is still ours;
//   (d) a field still has the value that we wrote; else that field stays.
import { isDeepStrictEqual } from "node:util";
import type { Fields, FieldValue } from "./fields.ts";
import type { Change, LiveObject } from "./kind.ts";
import { type HandedOver, handOverMark, isMark, readMark } from "./marks.ts";

/** What the state keeps about an object to undo what was done to it. */
export interface Ownership {
  /** Address of the server that the object lives on. */
  readonly server: string;
  /** Keycloak's id of the object. */
  readonly id: string;
  /** False if this resource created the object. */
  readonly adopted: boolean;
  /** Secret of this resource, new with every create and every adoption. */
  readonly key: string;
  /** What is written on the object to say who holds it; on a part, its owner's. */
  readonly mark: string;
  /** How the object was found; may hold personal data. */
  readonly before: Before;
}

export interface Before {
  readonly fields: Readonly<Record<string, FoundAndWritten>>;
  /** The mark before ours, or whatever text stood in its place. */
  readonly mark?: string;
}

/** Of an object that was made: there is nothing to put back. */
export const nothingBefore: Before = { fields: {} };

/** A field as it was found, and as this resource left it. */
export interface FoundAndWritten {
  readonly found?: FieldValue;
  readonly written?: FieldValue;
}

/** A resource that has held an object in this run. */
export interface Holder {
  readonly ownership: Ownership;
  /** True if it took over what an earlier holder knew about the object. */
  readonly inherited: boolean;
}

/** Stands for the id if a create failed, and the object may or may not exist. */
export const idNotKnown = "";

/** All that is known when a resource lets go of its object. */
export interface Facts {
  readonly ownership: Ownership;
  /** Address of the server that this stack talks to now. */
  readonly server: string;
  /** The live object; undefined if it is gone. */
  readonly live: Pick<LiveObject, "id" | "fields" | "mark"> | undefined;
  /** The object's present name in words, if somebody has renamed it or its owner. */
  readonly renamedTo?: string;
  /** True for a part of another object: restored, never removed. */
  readonly isPart: boolean;
  /** Another resource that has held the object in this run. */
  readonly other: Holder | undefined;
  /** Fields that cannot be restored, with the reason. */
  readonly irreversible?: Readonly<Record<string, string>>;
  /** Who else uses the object, in words. */
  readonly usedBy?: string;
}

/** What to do with the object, and what to say about it. */
export interface Release {
  readonly write?: Change;
  readonly remove: boolean;
  readonly say: readonly Remark[];
}

/** Completes a sentence that begins with the object. */
export interface Remark {
  readonly severity: "warning" | "info";
  readonly text: string;
}

/** Decides what happens to a live object when its resource is deleted. */
export function release(facts: Facts): Release {
  const { ownership, server, live, isPart, other } = facts;
  if (server !== ownership.server)
    return leave(`it lives on ${ownership.server}, and this stack now talks to ${server}`);
  if (!live) return nothing;
  if (ownership.id === idNotKnown)
    return leave(
      "creating it failed halfway, and it does not carry our owner mark, so somebody else may have made it",
    );
  if (live.id !== ownership.id) return leave("somebody deleted it and made it again since");
  const mark = readOwnMark(live.mark.text, ownership, isPart);
  if (other) return handOver(facts, live, mark, other);

  const created = !isPart && (!ownership.adopted || mark.handedOver === "created");
  if (!created && changedFields(ownership).length === 0 && !mark.ours) {
    // Without a mark nothing shows who created the object.
    const isUnmarked = ownership.adopted && !isPart && !live.mark.carries;
    return isUnmarked ? { remove: false, say: [stays("it was there already")] } : nothing;
  }
  if (facts.renamedTo !== undefined) return leave(`it was renamed, and is now ${facts.renamedTo}`);
  if (live.mark.carries && !mark.ours) {
    return leave(
      isMark(live.mark.text)
        ? "another stack has adopted it since"
        : "our owner mark on it is gone (edited by hand, or its password was reset), so it may be in use by others",
    );
  }
  if (!created) return restore(facts, live, mark.handedOver);
  if (facts.usedBy === undefined) return { remove: true, say: [] };
  // It belongs to others from now on, so it keeps no mark of ours.
  const unmark = live.mark.carries ? { fields: {}, mark: { text: undefined } } : undefined;
  return { ...leave(facts.usedBy), write: unmark };
}

const nothing: Release = { remove: false, say: [] };

function leave(why: string): Release {
  return { remove: false, say: [{ severity: "warning", text: `left in place, because ${why}.` }] };
}

/** About an object that stays, although it may be ours. Nothing proves that, so people have to decide. */
function stays(why: string): Remark {
  return {
    severity: "info",
    text: `left in place, because ${why}, or was made by an 'up' that was killed before it had recorded that. If nobody needs it, delete it by hand.`,
  };
}

function restore(
  { ownership, isPart, irreversible = {} }: Facts,
  live: Pick<LiveObject, "fields" | "mark">,
  handedOver: HandedOver | undefined,
): Release {
  const fields: Record<string, FieldValue> = {};
  const say: Remark[] = [];
  const keep = (name: string, why: string) =>
    say.push({ severity: "warning", text: `${name} was not put back, because ${why}.` });
  for (const [name, { found, written }] of changedFields(ownership)) {
    const never = found === undefined ? undefined : irreversible[name];
    if (never !== undefined) keep(name, never);
    else if (isDeepStrictEqual(live.fields[name], written)) fields[name] = found;
    else if (!isDeepStrictEqual(live.fields[name], found)) keep(name, "somebody has changed it since");
  }
  const text = handedOver === "adopted" ? undefined : ownership.before.mark;
  const mark = isPart || !live.mark.carries ? undefined : { text };
  if (mark && isMark(text)) say.push(stays("it carries an owner mark of another stack"));
  const write = Object.keys(fields).length > 0 || mark ? { fields, mark } : undefined;
  return { write, remove: false, say };
}

/** Passes on what we know, through the mark: the other holder can then undo what we no longer can. */
function handOver(facts: Facts, live: Pick<LiveObject, "mark">, mark: OwnMark, other: Holder): Release {
  const { ownership, isPart, irreversible } = facts;
  const { mark: next, key: nextKey, before } = other.ownership;
  // What was handed to us may be in the mark that the other holder found.
  const handed = mark.handedOver ?? readOwnMark(before.mark, ownership, isPart).handedOver;
  const created = !ownership.adopted || handed === "created";

  let text: string | undefined;
  if (isPart || !live.mark.carries) text = undefined;
  // We took the object over from the other holder, which still has it: it gets it back.
  else if (mark.ours) text = created ? handOverMark(nextKey, "created") : next;
  else if (other.inherited || live.mark.text !== next) text = undefined;
  else if (created) text = handOverMark(nextKey, "created");
  else if (!isMark(ownership.before.mark) || handed === "adopted") text = handOverMark(nextKey, "adopted");

  const lost = other.inherited ? [] : changedOnAdopted(ownership, irreversible);
  return {
    write: text === undefined ? undefined : { fields: {}, mark: { text } },
    remove: false,
    say:
      lost.length === 0
        ? []
        : [
            {
              severity: "warning",
              text: `held by another resource now, which does not know how it was found, so destroy will not put back: ${lost.join(", ")}. A component that is renamed with 'aliases' keeps this.`,
            },
          ],
  };
}

type OwnMark = ReturnType<typeof readMark>;

/** A part carries its owner's mark, including what was handed over to the owner. */
export function readOwnMark(
  live: string | undefined,
  { mark, key }: Pick<Ownership, "mark" | "key">,
  isPart: boolean,
): OwnMark {
  return isPart ? { ours: live === mark || (live?.startsWith(`${mark} (`) ?? false) } : readMark(live, key);
}

function changedFields({ before }: Ownership): [string, FoundAndWritten][] {
  return Object.entries(before.fields).filter(([, { found, written }]) => !isDeepStrictEqual(found, written));
}

/** Fields that we changed on an object that was there before this stack. */
function changedOnAdopted(ownership: Ownership, irreversible: object = {}): string[] {
  if (!ownership.adopted) return [];
  return changedFields(ownership).flatMap(([name]) => (name in irreversible ? [] : [name]));
}

/** Each of the fields as it was found and as it was written. */
export function foundAndWritten(
  found: Fields,
  written: Fields,
  names: readonly string[],
): Record<string, FoundAndWritten> {
  return Object.fromEntries(names.map((name) => [name, { found: found[name], written: written[name] }]));
}

/**
 * The first value found is restored later, if the last value written is still there. A value that somebody else has
 * set since, and that was only found to be right, is theirs.
 */
export function merged(earlier: Before, later: Before): Before {
  const fields: Record<string, FoundAndWritten> = { ...later.fields };
  for (const [name, pair] of Object.entries(earlier.fields)) {
    const now = later.fields[name] ?? { found: pair.written, written: pair.written };
    const isTheirs =
      isDeepStrictEqual(now.found, now.written) && !isDeepStrictEqual(pair.written, now.written);
    fields[name] = isTheirs ? now : { found: pair.found, written: now.written };
  }
  return { fields, ...(earlier.mark !== undefined && { mark: earlier.mark }) };
}
