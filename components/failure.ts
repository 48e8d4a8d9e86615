// The failures that every folder may throw: a message for people, and its meaning as data for code.

/** What a failure means to the code that catches it. Code never decides by the message. */
export type Meaning =
  /** Keycloak itself says that this one object does not exist. */
  | "absent"
  /** The realm or the client does not exist, so nothing in it does. */
  | "nothing there"
  /** Somebody else was faster: the object already exists. */
  | "conflict"
  /** Keycloak does not let this admin in. */
  | "login refused"
  /** A write failed halfway, and nobody could check whether it took effect. */
  | "unclear";

export interface FailureOptions {
  readonly meaning?: Meaning;
  /** HTTP status of Keycloak's answer; undefined when there was none. */
  readonly status?: number;
  /** Keycloak's own words. */
  readonly said?: string;
  /** True if the connection, the realm or the client is at fault: every resource would report the same. */
  readonly shared?: boolean;
  /** That shared cause, if messages about it differ in what was attempted. Default: the message. */
  readonly about?: string;
}

/**
 * A failure in words: what was attempted, on what, what Keycloak answered, what to do. The message is complete, so
 * it is printed as it is.
 */
export class Failure extends Error implements FailureOptions {
  readonly meaning: Meaning | undefined;
  readonly status: number | undefined;
  readonly said: string | undefined;
  readonly shared: boolean;
  readonly about: string;

  constructor(message: string, options: FailureOptions = {}) {
    super(message);
    this.name = "";
    this.meaning = options.meaning;
    this.status = options.status;
    this.said = options.said;
    this.shared = options.shared ?? false;
    this.about = options.about ?? message;
    // Pulumi's dynamic provider host prints the stack.
    this.stack = "";
  }

  /** That host prints `${error}` as well; a class name would only be noise there. */
  override toString(): string {
    return this.message;
  }
}

export function hasMeaning(error: unknown, meaning: Meaning): boolean {
  return error instanceof Failure && error.meaning === meaning;
}

/** The same failure, or an unexpected error turned into a sentence without its stack. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure(`Unexpected failure in keycloak-apisix: ${message}`);
}
