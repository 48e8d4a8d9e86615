// Which resources have held which object in this run of the provider process.
import type { Holder, Ownership } from "./ownership.ts";

export class Holders {
  /** By object, then by the resource's own key, in the order in which they came. */
  readonly #holders = new Map<string, Map<string, Holder>>();

  add(realm: string, noun: string, ownership: Ownership, inherited = false): void {
    const object = objectKey(realm, noun, ownership);
    const holders = this.#holders.get(object) ?? new Map<string, Holder>();
    holders.set(ownership.key, { ownership, inherited });
    this.#holders.set(object, holders);
  }

  remove(realm: string, noun: string, ownership: Ownership): void {
    this.#holders.get(objectKey(realm, noun, ownership))?.delete(ownership.key);
  }

  /** The last holder of the object. */
  last(realm: string, noun: string, object: ObjectAddress): Holder | undefined {
    return [...(this.#holders.get(objectKey(realm, noun, object))?.values() ?? [])].at(-1);
  }

  /** The last holder of the object other than this one. */
  other(realm: string, noun: string, ownership: Ownership): Holder | undefined {
    const all = [...(this.#holders.get(objectKey(realm, noun, ownership))?.values() ?? [])];
    return all.findLast((holder) => holder.ownership.key !== ownership.key);
  }
}

type ObjectAddress = Pick<Ownership, "server" | "id">;

function objectKey(realm: string, noun: string, { server, id }: ObjectAddress): string {
  return JSON.stringify([server, realm, noun, id]);
}
