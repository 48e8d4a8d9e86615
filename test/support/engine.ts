// Plays Pulumi's engine against the provider, without the CLI: check → diff → create, update or replace, then
// delete. Every command has a provider process of its own, so only the state carries over from one to the next.
import { isDeepStrictEqual } from "node:util";
import type { KindName } from "../../components/kinds/index.ts";
import { type Methods, PartialState, type Properties } from "../../components/provider/protocol.ts";
import { newProcess } from "../../components/provider-process.ts";
import { server } from "../../rig/keycloak/realm.ts";

export type { KindName };

/** A resource as the program declares it. */
export interface Declared {
  /** Last part of its URN. */
  readonly name: string;
  readonly kind: KindName;
  readonly inputs: Properties;
}

/** A resource as the state keeps it. */
export interface Recorded {
  readonly kind: KindName;
  readonly id: string;
  readonly inputs: Properties;
  readonly outs: Properties;
}

export interface Step {
  readonly name: string;
  readonly op: "create" | "update" | "replace" | "same" | "delete" | "gone";
  readonly plan?: string;
  readonly corrects?: Readonly<Record<string, string>>;
  readonly drift?: Readonly<Record<string, string>>;
  /** Inputs that the program changed. */
  readonly changed?: readonly string[];
}

/** Keys of a step's forecasts. */
const forecasts: ReadonlySet<string> = new Set(["plan", "corrects", "drift", "changed"]);

/** What check refused, as the CLI would print it. */
export class CheckFailure extends Error {}

/** The connection as config, the way a user would set it. */
export const connection: Readonly<Record<string, string>> = {
  "keycloak:url": server.url,
  "keycloak:basePath": server.basePath,
  "keycloak:username": server.username,
  "keycloak:password": server.password,
};

type Run = (kind: KindName) => Methods;

/** The providers of one command. */
function newRun(config: Readonly<Record<string, string>>): Run {
  const { configure, providers } = newProcess();
  configure({ config: { get: (key) => config[key] } });
  return (kind) => {
    const methods = providers.get(kind);
    if (!methods) throw new Error(`There is no kind '${kind}'.`);
    return methods;
  };
}

/** Copies a value like the wire, which has no `undefined` and no shared objects. */
function wire<T>(value: T): T {
  return value === undefined ? value : JSON.parse(JSON.stringify(value));
}

/** A stack: its configuration and its state. */
export class Stack {
  config: Readonly<Record<string, string>>;
  state = new Map<string, Recorded>();

  constructor(config: Readonly<Record<string, string>> = connection) {
    this.config = config;
  }

  /** The steps that `pulumi preview` would show, without unchanged resources. */
  async preview(...program: Declared[]): Promise<Step[]> {
    return (await this.#run(program, false)).filter(({ op }) => op !== "same");
  }

  /** `pulumi up`: returns its steps, without unchanged resources. */
  async up(...program: Declared[]): Promise<Step[]> {
    return (await this.#run(program, true)).filter(({ op }) => op !== "same");
  }

  /** `pulumi refresh`: objects that are gone leave the state. */
  refresh(): Promise<Step[]> {
    return this.#refresh(newRun(this.config));
  }

  /** `pulumi up --refresh`: both in one process. */
  async refreshAndUp(...program: Declared[]): Promise<Step[]> {
    const run = newRun(this.config);
    return [...(await this.#refresh(run)), ...(await this.#run(program, true, run))];
  }

  async #refresh(run: Run): Promise<Step[]> {
    const steps: Step[] = [];
    for (const [name, { kind, id, outs }] of this.state) {
      const read = wire(await run(kind).read(id, wire(outs)));
      if (read.id === "") {
        this.state.delete(name);
        steps.push({ name, op: "gone" });
      } else {
        this.state.set(name, {
          kind,
          id: read.id,
          inputs: read.inputs,
          outs: read.props,
        });
      }
    }
    return steps;
  }

  /** `pulumi destroy`: no program runs, so nothing is checked. */
  async destroy(): Promise<void> {
    const run = newRun(this.config);
    for (const [name, { kind, id, outs }] of [...this.state].toReversed()) {
      await run(kind).delete(id, wire(outs));
      this.state.delete(name);
    }
  }

  /** The outputs of one resource. */
  outs(name: string): Properties {
    return this.#recorded(name).outs;
  }

  async #run(program: readonly Declared[], apply: boolean, run = newRun(this.config)): Promise<Step[]> {
    const steps: Step[] = [];
    const replaced: Recorded[] = [];
    const failures: string[] = [];
    for (const { name, kind, inputs } of program) {
      const old = this.state.get(name);
      const checked = wire(await run(kind).check(wire(old?.inputs ?? {}), wire(inputs)));
      const news = checked.inputs;
      failures.push(...(checked.failures ?? []).map(({ reason }) => `${name}: ${reason}`));
      if (failures.length > 0) continue;
      const { changes, replaces } = old
        ? wire(await run(kind).diff(old.id, wire(old.outs), wire(news)))
        : { changes: true, replaces: undefined };
      const op = !old ? "create" : replaces?.length ? "replace" : changes ? "update" : "same";
      const isNew = op === "create" || op === "replace";
      const told = Object.entries(news).filter(
        // Like a preview, which leaves out unchanged inputs.
        ([key, value]) => forecasts.has(key) && (isNew || !isDeepStrictEqual(value, old?.inputs[key])),
      );
      steps.push({ name, op, ...Object.fromEntries(told) });
      if (!apply) continue;
      if (op === "same" || op === "update") {
        const kept = old as Recorded;
        const update = () => run(kind).update(kept.id, wire(kept.outs), wire(news));
        const { outs } = op === "same" ? kept : await this.#recording(name, kind, news, update);
        this.state.set(name, { kind, id: kept.id, inputs: news, outs });
      } else {
        const create = () => run(kind).create(wire(news));
        const { id, outs } = await this.#recording(name, kind, news, create);
        if (old) replaced.push(old);
        this.state.set(name, { kind, id, inputs: news, outs });
      }
    }
    if (failures.length > 0) throw new CheckFailure(failures.join("\n"));
    // Like the engine: deletes come last, in reverse order.
    const declared = new Set(program.map(({ name }) => name));
    for (const { kind, id, outs } of apply ? replaced.toReversed() : []) {
      await run(kind).delete(id, wire(outs));
    }
    for (const [name, { kind, id, outs }] of [...this.state].toReversed()) {
      if (declared.has(name)) continue;
      steps.push({ name, op: "delete" });
      if (!apply) continue;
      await run(kind).delete(id, wire(outs));
      this.state.delete(name);
    }
    // The engine destroys in reverse order of dependencies. Here the program's order stands for that.
    if (apply) this.state = new Map(program.map(({ name }) => [name, this.#recorded(name)]));
    return steps;
  }

  #recorded(name: string): Recorded {
    const recorded = this.state.get(name);
    if (!recorded) throw new Error(`'${name}' is not in the state: ${[...this.state.keys()].join(", ")}`);
    return recorded;
  }

  /** If the action fails halfway, the state keeps what its error carries. */
  async #recording<Result>(
    name: string,
    kind: KindName,
    inputs: Properties,
    action: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return wire(await action());
    } catch (error) {
      if (error instanceof PartialState) {
        const { id, properties: outs } = wire({ id: error.id, properties: error.properties });
        this.state.set(name, { kind, id, inputs, outs });
      }
      throw error;
    }
  }
}
