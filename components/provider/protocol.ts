// The protocol between Pulumi's dynamic provider host and a provider: what arrives, and what goes back.
import { asFailure, Failure } from "../failure.ts";

/** Inputs or outputs of a resource, as they come over the wire. */
export type Properties = Readonly<Record<string, unknown>>;

/** What the host calls; one for each kind of resource. */
export interface DynamicProvider {
  /** Synchronous: the host caches the provider before a promise would settle. */
  configure(request: { readonly config: { get: ReadConfig } }): void;
  check(olds: Properties, news: Properties): Promise<CheckResult>;
  diff(id: string, olds: Properties, news: Properties): Promise<DiffResult>;
  create(news: Properties): Promise<{ id: string; outs: Properties }>;
  /** An empty id means that the object is gone. */
  read(id: string, outs: Properties): Promise<{ id: string; props: Properties; inputs: Properties }>;
  update(id: string, olds: Properties, news: Properties): Promise<{ outs: Properties }>;
  delete(id: string, outs: Properties): Promise<void>;
}

/** A value of the stack's configuration, by its full key. */
export type ReadConfig = (key: string) => string | undefined;

export interface CheckResult {
  readonly inputs: Properties;
  readonly failures?: readonly { readonly property: string; readonly reason: string }[];
}

interface DiffResult {
  readonly changes: boolean;
  readonly replaces?: string[];
}

/** What `read` returns for an object that is gone. */
export const gone = { id: "", props: {}, inputs: {} };

/** The provider's methods without `configure`. */
export type Methods = Omit<DynamicProvider, "configure">;

/** A create or an update that failed halfway: the host records what this error carries. */
export class PartialState extends Failure {
  readonly id: string;
  readonly properties: Properties;
  readonly reasons: readonly string[];

  constructor(failure: Failure, id: string, properties: Properties) {
    super(failure.message, failure);
    this.id = id;
    this.properties = withoutUndefined(properties);
    this.reasons = [failure.message];
  }
}

/** Keeps to what the wire can carry: no `undefined`, and no error with a stack. */
export function onTheWire(methods: Methods): Methods {
  const call = async <Result>(action: () => Promise<Result>): Promise<Result> => {
    try {
      return withoutUndefined(await action());
    } catch (error) {
      throw asFailure(error);
    }
  };
  return {
    check: (olds, news) => call(() => methods.check(olds, news)),
    diff: (id, olds, news) => call(() => methods.diff(id, olds, news)),
    create: (news) => call(() => methods.create(news)),
    read: (id, outs) => call(() => withRecordedConnection(methods.read(id, outs))),
    update: (id, olds, news) => call(() => methods.update(id, olds, news)),
    delete: (id, outs) => call(() => withRecordedConnection(methods.delete(id, outs))),
  };
}

function withoutUndefined<Value>(value: Value): Value {
  return value === undefined ? value : JSON.parse(JSON.stringify(value));
}

/** Refresh and destroy log in as the last `up` did, which fails after the credentials have been rotated. */
async function withRecordedConnection<Result>(action: Promise<Result>): Promise<Result> {
  try {
    return await action;
  } catch (error) {
    if (!(error instanceof Failure) || error.meaning !== "login refused") throw error;
    throw new Failure(
      `${error.message} Refresh and destroy use the connection that the last 'up' recorded: where it has changed since, run 'up' first, or add --run-program.`,
      error,
    );
  }
}
