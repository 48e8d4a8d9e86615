// What each kind of ensured object defines. What all kinds share is in lifecycle.ts and ownership.ts.
import type { Fields, FieldValue } from "./fields.ts";
import type { Mark } from "./marks.ts";

/** Where objects live: a realm of a server. */
export interface Place {
  /** Address of the server, which identifies it. */
  readonly server: string;
  /** Name of the realm. */
  readonly name: string;
  /** Drops every answer. Called before something is changed or removed, so that it is read again. */
  forget(): void;
  /** Drops the answers that are more than a few seconds old. */
  forgetOld(): void;
}

/** Inputs that all kinds share. */
export interface KindInputs {
  readonly realm: string;
  /** Config namespace of the Keycloak connection. */
  readonly connection?: string;
}

/** An object as it stands in the realm. A kind adds what it needs to write it back. */
export interface LiveObject {
  /** Keycloak's id of the object; of a part, that of its owner. */
  readonly id: string;
  readonly fields: Fields;
  readonly mark: Mark;
  /** Further outputs of the resource, under the names in the kind's `outputs`. */
  readonly outputs?: Readonly<Record<string, unknown>>;
  /** Of a part: false if its owner exists and the part does not. */
  readonly present?: boolean;
  /** Of a part: a value that changes when somebody replaces it, and the words for that. An object has its id. */
  readonly trace?: { readonly value: string; readonly replaced: string };
}

/** What is to be changed on an object. */
export interface Change {
  /** Merged into the live object; an undefined value removes the field. */
  readonly fields: Fields;
  /** The owner mark to write, if it changes; without text it is removed. */
  readonly mark?: { readonly text: string | undefined };
}

/** What is known when a kind is asked how the fields should be. */
export interface Known<Inputs, Live> {
  /** Missing: the object is about to be created. */
  readonly live?: Live;
  /** The fields as the state has them; missing in `check`, which does not get the state. */
  readonly written?: Fields;
  /** The inputs before these. */
  readonly previous?: Inputs;
  /** True if a write follows: then a kind may do what a preview must not, such as log in. */
  readonly writing?: boolean;
}

/** A live object with its present name in words. */
export interface Named<Live> {
  readonly live: Live;
  /** "user 'kunde'"; of a part, its owner's. */
  readonly name: string;
}

interface Common<Inputs extends KindInputs, Live extends LiveObject, Realm extends Place> {
  /** Name of the kind, as in drift of the whole object and in the resource's id: `user`, `realmRole`. */
  readonly noun: string;
  /** Inputs that name the object: another value means another object. */
  readonly identity: readonly (keyof Inputs & string)[];
  /** Further inputs that must not be empty. */
  readonly required?: readonly (keyof Inputs & string)[];
  /** Outputs of the resource that come from the live object, by name; and what to say if one has changed. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** "user 'customer'", for sentences. */
  describe(inputs: Inputs): string;
  /**
   * Refuses a realm or client that is unfit for this kind.
   * @param isNew true before the object is adopted or created, when rights to write are needed as well
   * @throws Failure that says what to do.
   */
  validate?(realm: Realm, inputs: Inputs, isNew: boolean): Promise<void>;
  /** The live object; for a part its owner, with or without the part. Undefined if there is none. */
  find(realm: Realm, inputs: Inputs): Promise<Live | undefined>;
  /** The same by its id, whatever it is called now: nobody may take a renamed object for a deleted one. */
  findById(realm: Realm, inputs: Inputs, id: string): Promise<Named<Live> | undefined>;
  /** How the fields should be, under the same names as in the live object. */
  wanted(realm: Realm, inputs: Inputs, known: Known<Inputs, Live>): Promise<Fields>;
  /** A field's drift in words, if "false, should be true" does not say it. */
  explain?(field: string, is: FieldValue, wanted: FieldValue, inputs: Inputs): string | undefined;
  /** Changes the live object, and nothing but what the change names. */
  write(realm: Realm, live: Live, change: Change, inputs: Inputs): Promise<void>;
}

/** A whole object: created if it is missing, and removed again if it was. */
export interface ObjectKind<Inputs extends KindInputs, Live extends LiveObject, Realm extends Place>
  extends Common<Inputs, Live, Realm> {
  readonly partOf?: undefined;
  create(realm: Realm, inputs: Inputs, fields: Fields, mark: string): Promise<void>;
  remove(realm: Realm, live: Live, inputs: Inputs): Promise<void>;
  /** Who else uses the object, in words, so that it must not be removed. */
  usedBy?(realm: Realm, live: Live): Promise<string | undefined>;
}

/** Part of another object, which carries the mark for it: restored, never created or removed by itself. */
export interface PartKind<Inputs extends KindInputs, Live extends LiveObject, Realm extends Place>
  extends Common<Inputs, Live, Realm> {
  /** Noun of the owner's kind. */
  readonly partOf: string;
  /** Fields that cannot be restored, with the reason. */
  readonly irreversible?: Readonly<Record<string, string>>;
}

export type Kind<Inputs extends KindInputs, Live extends LiveObject, Realm extends Place> =
  | ObjectKind<Inputs, Live, Realm>
  | PartKind<Inputs, Live, Realm>;
