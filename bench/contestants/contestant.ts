// A contestant makes realms ready, by commands that are measured one after the other.
import type { Realms } from "../realms.ts";

/**
 * The operations in the order of a round: on untouched realms, with nothing to do (applied, then previewed), after somebody
 * has changed one field in each realm, and taking everything back.
 */
export const operations = ["fresh", "again", "preview", "drift", "destroy"] as const;
export type Operation = (typeof operations)[number];

/** A command line whose whole process tree is measured. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Variables on top of the bench's own environment; undefined removes one. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Says what is wrong with the output, if anything. A run that did other work than it should does not count. */
  readonly complaint?: (output: string) => string | undefined;
}

export interface Given {
  readonly realms: Realms;
  /** A folder of the contestant's own. */
  readonly folder: string;
}

export interface Prepared {
  readonly commands: Readonly<Partial<Record<Operation, Command>>>;
  /** Forgets everything that it stores outside the realms; `fresh` comes next. */
  forget?(): Promise<void>;
  /** The current size of its state, in bytes. */
  stateBytes?(): Promise<number>;
}

export interface Contestant {
  readonly name: Name;
  readonly title: string;
  /** A peer does the same work. A floor shows a time that nothing can beat. */
  readonly role: "ours" | "peer" | "floor";
  /** Does it write to the realms? */
  readonly works: boolean;
  /** Why it cannot take part on this machine. */
  absent?(): string | undefined;
  /** Is it far slower than any limit? Then it gets no warm-up, and one round in a quick run. */
  readonly slow?: boolean;
  /** The maximum number of rounds at this size. */
  rounds?(realms: number): number;
  prepare(given: Given): Promise<Prepared>;
}

export type Name =
  | "keycloak-apisix"
  | "pulumi-keycloak"
  | "keycloak-apisix-cold"
  | "pulumi-keycloak-cold"
  | "kcadm"
  | "config-cli"
  | "empty-program"
  | "idle-resources"
  | "requests";
