// What a kind of ensured object says of itself. Everything else (adopt or create, drift, update, removal) is
// the same for all and stands in lifecycle.ts and ownership.ts.
import { isDeepStrictEqual } from "node:util";
import type { RealmSession } from "../realm-session.ts";

/** A field's value as it is compared, shown and put back. Undefined: not there. */
export type FieldValue = string | boolean | readonly string[] | undefined;
/** By the name that people know the field under. */
export type Fields = Readonly<Record<string, FieldValue>>;

/** Does an object with these fields hold all the others too? */
export function holds(is: Fields, fields: Fields): boolean {
  return Object.entries(fields).every(([name, value]) => isDeepStrictEqual(is[name], value));
}

/** Inputs that all kinds share. */
export interface KindInputs {
  readonly realm: string;
  /** Config namespace of the Keycloak connection. */
  readonly connection?: string;
}

/** What the state recorded when the object was created, adopted or last changed. */
export interface Recorded {
  /** Keycloak's id of the object. */
  readonly uuid: string;
  readonly fields: Readonly<Record<string, FoundAndWritten>>;
}

/** One field as it was found, and as we left it. */
export interface FoundAndWritten {
  readonly found?: FieldValue;
  readonly written?: FieldValue;
}

export interface Kind<Inputs extends KindInputs, Live> {
  /** As in the child's name and type: `user`, `role-mappings`. */
  readonly kind: string;
  /** Keycloak's name of the thing, as a drift of the whole object is shown: `user`, `realmRole`. */
  readonly noun: string;
  /** Inputs that name the object: a change means another object. */
  readonly identity: readonly (keyof Inputs & string)[];
  /** All inputs but `realm` and `connection`. */
  readonly inputs: readonly (keyof Inputs & string)[];
  /** Those of them that only help to ask less: left out where a preview does not know them yet. */
  readonly hints?: readonly (keyof Inputs & string)[];
  /** "user 'customer'", for sentences. */
  describe(inputs: Inputs): string;
  /** True where that takes a verb in the plural. */
  readonly plural?: true;

  /** What is wrong with the realm or the client for this kind; throws it in words. */
  validate?(realm: RealmSession, inputs: Inputs): Promise<void>;
  /**
   * False where Keycloak says that this admin may only read. Asked before a resource is new; watching for drift
   * needs no more than reading.
   */
  writable?(realm: RealmSession, inputs: Inputs): Promise<boolean>;
  find(realm: RealmSession, inputs: Inputs): Promise<Live | undefined>;
  /**
   * What a preview needs of it, where that takes fewer requests: without a mark that `mark` could tell. Undefined where
   * it has to be found after all.
   */
  glimpse?(realm: RealmSession, inputs: Inputs): Promise<Live | undefined>;
  /** Keycloak's id of the object; for a part of another object, of that object. */
  uuid(live: Live): string;
  /** False where only the object that this one is part of is there, and nothing of this one. */
  present?(live: Live, inputs: Inputs): boolean;
  /** The live object's fields, by the names that `wanted` uses. */
  fields(live: Live): Fields;
  /**
   * The fields as they should be. Without `live` the object is about to be created. With `settle`, writing
   * follows: what only a login can tell may be asked for now.
   */
  wanted(
    realm: RealmSession,
    inputs: Inputs,
    context: { live?: Live; recorded?: Recorded; previous?: Inputs; settle?: boolean },
  ): Promise<Fields>;
  /** A field's drift in words, where "false, should be true" does not say it. */
  explain?(field: string, is: FieldValue, wanted: FieldValue): string | undefined;
  /** Why an update comes that no field shows: a secret changed in the configuration. */
  status?(previous: Inputs, inputs: Inputs): string | undefined;

  create(realm: RealmSession, inputs: Inputs, fields: Fields, mark: string): Promise<void>;
  /** Merges the fields into the live object; undefined takes a field away. The mark is written where given. */
  write(
    realm: RealmSession,
    live: Live,
    fields: Fields,
    mark: { readonly text: string | undefined } | undefined,
    inputs?: Inputs,
  ): Promise<void>;
  remove(realm: RealmSession, live: Live): Promise<void>;
  /** Who else uses the object, in words, so that it must not be removed. */
  usedByOthers?(realm: RealmSession, live: Live): Promise<string | undefined>;
  /** Fields that cannot be put back, with the reason. */
  readonly irreversible?: Readonly<Record<string, string>>;

  /** The owner mark that the object carries; `carries: false` where it cannot carry one. */
  mark(live: Live): { readonly carries: boolean; readonly text?: string };
  /**
   * The kind whose object this one is part of and which carries the mark for it. Such a part is put back,
   * never removed by itself.
   */
  readonly partOf?: string;
  /** How it is told that somebody made the object anew, and the field that this is shown under. */
  readonly trace?: {
    /** Another for every object made. */
    of(live: Live): string | undefined;
    readonly field: string;
    words(live: Live): string;
    /** True where a missing mark on what we made tells it too. */
    readonly always: boolean;
  };

  /** Further outputs, straight from the live object. */
  outputs?(live: Live): Readonly<Record<string, unknown>>;
}
