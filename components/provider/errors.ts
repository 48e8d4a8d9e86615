// One class for every text that a person is meant to read: what was attempted, on what, what Keycloak
// answered, what to do. The dynamic provider host prints `stack` for most failures, so it is blanked.

/** A failure in words. Its message is complete: print it as it is. */
export class KeycloakError extends Error {
  /** HTTP status of Keycloak's answer; undefined when there was none. */
  readonly status: number | undefined;
  /**
   * True when the cause lies in the connection, the realm or the client, so that every resource of the
   * component would report the same.
   */
  readonly shared: boolean;
  /** The shared cause, where the sentences about it differ in what was attempted; else the sentence. */
  readonly about: string;
  /** What a create that broke off has to leave in the state. */
  partial?: { readonly id: string; readonly properties: object };

  constructor(message: string, options: { status?: number; shared?: boolean; about?: string } = {}) {
    super(message);
    this.name = "";
    this.status = options.status;
    this.shared = options.shared ?? false;
    this.about = options.about ?? message;
    this.stack = "";
  }

  /** The host prints `${error}: ${error.stack}`; the class name would only be noise there. */
  override toString(): string {
    return this.message;
  }
}

/** The same error, or an unexpected one turned into a sentence without its stack. */
export function asKeycloakError(error: unknown): KeycloakError {
  if (error instanceof KeycloakError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new KeycloakError(`Unexpected failure in keycloak-apisix: ${message}`);
}
