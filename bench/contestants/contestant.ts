// What a contestant is: something that makes realms ready, as commands that are measured one after the other.
import type { Realms } from "../realms.ts";

/**
 * In this order in each round: on untouched realms, with nothing to do (applied, then previewed), with one field of each
 * realm changed by somebody, and taken back.
 */
export const operations = ["fresh", "again", "preview", "drift", "destroy"] as const;
export type Operation = (typeof operations)[number];

/** A command line whose whole process tree is measured. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Beside the bench's own environment; undefined takes a variable away. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is wrong with what it printed, if anything: a run that did other work than it should is no figure. */
  readonly complaint?: (output: string) => string | undefined;
}

export interface Given {
  readonly realms: Realms;
  /** A folder of the contestant's own. */
  readonly folder: string;
}

export interface Prepared {
  readonly commands: Readonly<Partial<Record<Operation, Command>>>;
  /** Forgets all that it keeps beside the realms; `fresh` comes next. */
  forget?(): Promise<void>;
  /** Bytes of state that it keeps now. */
  stateBytes?(): Promise<number>;
}

export interface Contestant {
  readonly name: Name;
  readonly title: string;
  /** A peer does the same work; a floor shows what cannot be undercut. */
  readonly role: "ours" | "peer" | "floor";
  /** Does it write to the realms? */
  readonly works: boolean;
  /** Why it cannot take part here. */
  absent?(): string | undefined;
  /** Far slower than any limit: no warm-up, and in a quick run one round. */
  readonly slow?: boolean;
  /** At most so many rounds at this size. */
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
