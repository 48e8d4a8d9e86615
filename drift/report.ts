// From the steps of `pulumi preview --json` to a report: what drifted, what is merely not applied yet. It holds no
// value that the CLI has not shown in the clear, and of other providers' resources only switches and numbers.

import { unknownValue } from "../components/provider/unknown.ts";

/** In the order of weight: what could not be told outweighs all. */
export type Result = "unknown" | "drift" | "unapplied" | "clean";

export interface DriftReport {
  /** Changes when a field is taken away or changes its meaning; new fields may come without. */
  version: 1;
  result: Result;
  stacks: StackReport[];
}

export interface StackReport {
  stack: string;
  result: Result;
  /** Why it could not be told; only then. */
  error?: string;
  warnings: string[];
  /** Resources that are not as the program wants them, and no others. */
  resources: ResourceReport[];
  /** Names of other providers' resources that were not compared with the live realm (`--no-refresh`). */
  notCompared: string[];
}

export interface ResourceReport {
  /** Null where it is not known, or not in a realm. */
  realm: string | null;
  /** As in the program: the last part of the URN. */
  name: string;
  /** Pulumi's type token: `pulumi-nodejs:dynamic/keycloak-apisix:User`, `keycloak:index/realm:Realm`. */
  type: string;
  /** Field → words: the live object is not as the last `up` left it. */
  drift?: Record<string, string>;
  /** What the next `up` will do here because the program or its settings ask for something new. */
  unapplied?: { plan: Plan; fields: Record<string, string> };
}

export type Plan = "create" | "adopt" | "update" | "replace" | "delete";

/** What is read of a step; the CLI's own name for it is `PreviewStep`. */
export interface PreviewStep {
  op: string;
  urn: string;
  oldState?: State;
  newState?: State;
  diffReasons?: string[] | null;
  detailedDiff?: Record<string, unknown> | null;
}
interface State {
  type: string;
  custom?: boolean;
  parent?: string;
  dependencies?: string[] | null;
  inputs?: Values;
  outputs?: Values;
}
type Values = Record<string, unknown>;

export interface Preview {
  steps: PreviewStep[];
  config: Record<string, string>;
  diagnostics: { severity: string; message: string }[];
}

/** @returns nothing where the text is no preview: the CLI failed before it began. */
export function parsePreview(stdout: string): Preview | undefined {
  try {
    const { steps = [], config = {}, diagnostics = [] } = JSON.parse(stdout.slice(stdout.search(/^\{/m)));
    return { steps, config, diagnostics };
  } catch {
    return undefined;
  }
}

/** Ours compare with the live realm in every preview; resources of other providers only with the state. */
export const isEnsuredType = (type: string) => type.startsWith("pulumi-nodejs:dynamic/keycloak-apisix:");

/** What the CLI said with this severity, each once and without its name. */
export function said(severity: string, { diagnostics }: Preview): string[] {
  const texts = diagnostics
    .filter((each) => each.severity === severity)
    .map(({ message }) => message.replace(new RegExp(`^${severity}: `), "").trim());
  return [...new Set(texts)];
}

export interface Previews {
  plain: PreviewStep[];
  /** With the state refreshed first: the only way to compare resources of other providers. */
  refreshed?: PreviewStep[];
  /** Address of the server that a config namespace means today, where it is known. */
  serverOf: (connection: string | undefined) => string | undefined;
}

/** @returns the resources that are not as the program wants them, by realm and name: the CLI's order is by chance. */
export function report({ plain, refreshed, serverOf }: Previews): ResourceReport[] {
  const after = refreshed && byUrn(refreshed);
  const steps = byUrn(plain);
  // What is only in the refreshed preview cannot be, but must not be lost.
  for (const [urn, step] of after ?? []) if (isForeign(step) && !steps.has(urn)) steps.set(urn, step);
  const all = [...steps.values()].flatMap((step): ResourceReport[] => {
    const found = isEnsured(step)
      ? ensured(step, serverOf)
      : isForeign(step)
        ? foreign(step, after && (after.get(step.urn) ?? { op: "same", urn: step.urn }))
        : {};
    const { drift, unapplied } = found;
    if (!drift && !unapplied) return [];
    return [{ realm: realmOf(step), name: nameOf(step.urn), type: typeOf(step), ...found }];
  });
  const key = ({ realm, name }: ResourceReport) => `${realm ?? "\uffff"} ${name}`;
  return all.sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

/** Names of resources that stand in the state and that only a refresh compares with the live realm. */
export function foreignNames(steps: PreviewStep[]): string[] {
  return [...byUrn(steps).values()]
    .filter((step) => isForeign(step) && step.oldState)
    .map(({ urn }) => nameOf(urn))
    .sort();
}

export function resultOf(stack: Pick<StackReport, "error" | "resources">): Result {
  if (stack.error !== undefined) return "unknown";
  if (stack.resources.some(({ drift }) => drift)) return "drift";
  return stack.resources.length > 0 ? "unapplied" : "clean";
}

export function whole(stacks: StackReport[]): DriftReport {
  const order: Result[] = ["unknown", "drift", "unapplied"];
  const result = order.find((each) => stacks.some((stack) => stack.result === each)) ?? "clean";
  return { version: 1, result, stacks };
}

type Found = Pick<ResourceReport, "drift" | "unapplied">;

/** Ours say in their inputs what is the matter (components/provider/lifecycle.ts, `Forecast`). */
function ensured(step: PreviewStep, serverOf: Previews["serverOf"]): Found {
  const plan = planOf(step.op);
  const news = step.newState?.inputs ?? {};
  const olds = step.oldState?.inputs ?? {};
  if (!plan) return {};
  if (plan === "create" && news.plan === "adopt")
    return { unapplied: { plan: "adopt", fields: words(news.corrects) } };
  if (plan === "create" || plan === "delete") return { unapplied: { plan, fields: {} } };
  const { named, fields } = changedSettings(olds, news);
  if (plan === "replace") return { unapplied: { plan, fields } };

  const recorded = step.oldState?.outputs?.server;
  const server = serverOf(text(news.connection));
  if (server !== undefined && typeof recorded === "string" && recorded !== server) {
    // Drift was looked for on another server than the one that the state tells of.
    return { unapplied: { plan, fields: { ...fields, server: `${recorded}, will be ${server}` } } };
  }
  if (news.kind === "token") {
    // It holds nothing in Keycloak that could drift; `after` only says that another resource is written.
    const { after: _after, ...asked } = fields;
    return { unapplied: { plan, fields: asked } };
  }
  const seen = Object.entries(words(news.drift));
  const drift = Object.fromEntries(seen.filter(([field]) => !named.has(field)));
  const asked = Object.fromEntries(seen.filter(([field]) => named.has(field)));
  const status = text(news.status);
  const pending = { ...fields, ...asked, ...(status !== undefined && { status }) };
  if (Object.keys(drift).length + Object.keys(pending).length === 0) {
    return {
      drift: { state: "the live object is not the recorded one: made anew, or its client's secret changed" },
    };
  }
  return {
    ...(Object.keys(drift).length > 0 && { drift }),
    ...(Object.keys(pending).length > 0 && { unapplied: { plan, fields: pending } }),
  };
}

/**
 * Other providers compare with the state: what a plain preview shows was changed in the program, and what shows up
 * only after a refresh was changed in the realm.
 */
function foreign(plain: PreviewStep, refreshed: PreviewStep | undefined): Found {
  const plan = planOf(plain.op);
  const after = refreshed && planOf(refreshed.op);
  const fields = fieldsOf(plain);
  if (!refreshed || !after || plan === "create" || plan === "delete" || plan === "replace") {
    return plan ? { unapplied: { plan, fields } } : {};
  }
  const noun = (typeOf(plain).split(":").at(-1) ?? "").replace(/^./, (first) => first.toLowerCase());
  const drift = Object.fromEntries(
    Object.entries(fieldsOf(refreshed)).filter(([field]) => !(field in fields)),
  );
  if (after === "create") drift[noun] = "missing";
  else if (!plan && Object.keys(drift).length === 0) drift[noun] = "differs from the program";
  return {
    ...(Object.keys(drift).length > 0 && { drift }),
    ...(plan && { unapplied: { plan, fields } }),
  };
}

const plans: Readonly<Record<string, Plan | undefined>> = {
  same: undefined,
  refresh: undefined,
  read: undefined,
  "read-replacement": undefined,
  "read-discard": undefined,
  create: "create",
  import: "create",
  update: "update",
  replace: "replace",
  "create-replacement": "replace",
  "import-replacement": "replace",
  "delete-replaced": "replace",
  delete: "delete",
  "remove-pending-replace": "delete",
};

/** An operation that is not known here is no "nothing to do". */
const planOf = (op: string): Plan | undefined => (op in plans ? plans[op] : "update");

/** One step for each resource: a replacement comes as three, of which one has both states. */
function byUrn(steps: PreviewStep[]): Map<string, PreviewStep> {
  const all = new Map<string, PreviewStep>();
  for (const step of steps) {
    const known = all.get(step.urn);
    const tells = (each: PreviewStep) =>
      [planOf(each.op), each.newState, each.oldState].filter(Boolean).length;
    if (!known || tells(step) > tells(known)) all.set(step.urn, step);
  }
  return all;
}

const stateOf = ({ newState, oldState }: PreviewStep) => newState ?? oldState;
const nameOf = (urn: string) => urn.split("::").at(-1) ?? urn;
const typeOf = (step: PreviewStep) =>
  stateOf(step)?.type ?? step.urn.split("::").at(-2)?.split("$").at(-1) ?? "";
const isEnsured = (step: PreviewStep) => isEnsuredType(typeOf(step));
const isForeign = (step: PreviewStep) =>
  !isEnsured(step) && !typeOf(step).startsWith("pulumi:") && (stateOf(step)?.custom ?? false);

function realmOf(step: PreviewStep): string | null {
  const { realm, realmId } = stateOf(step)?.inputs ?? {};
  const known = [realm, realmId].find((value) => typeof value === "string" && value !== unknownValue);
  if (known !== undefined) return `${known}`;
  // This repository's program names the component, and a realm that it owns, after the realm.
  const { parent = "", dependencies } = stateOf(step) ?? {};
  const named = [parent, ...(dependencies ?? [])].find((urn) => /:(ApisixEnablement|Realm)::/.test(urn));
  return named === undefined ? null : nameOf(named);
}

/** Inputs of ours that are forecasts, or the host's. */
const notSettings = new Set(["__provider", "plan", "drift", "corrects", "status", "adopts"]);

/**
 * The settings that changed, each in words, and every name that they mention: a drift in a field of such a name is what
 * the new setting asks for. A changed secret does not show here.
 */
function changedSettings(olds: Values, news: Values): { named: Set<string>; fields: Record<string, string> } {
  const named = new Set<string>();
  const fields: Record<string, string> = {};
  for (const name of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    if (notSettings.has(name) || same(olds[name], news[name])) continue;
    named.add(name);
    for (const each of mentioned(olds[name], news[name])) named.add(each);
    fields[name] = "changed in the configuration";
  }
  return { named, fields };
}

/** Keys with other values, and items that are in one list only. */
function mentioned(before: unknown, after: unknown): string[] {
  const items = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);
  const entries = (value: unknown) => (isObject(value) ? Object.entries(value) : []);
  return [
    ...items(before).filter((item) => !items(after).includes(item)),
    ...items(after).filter((item) => !items(before).includes(item)),
    ...entries(before).flatMap(([key, value]) => (isObject(after) && same(after[key], value) ? [] : [key])),
    ...entries(after).flatMap(([key]) => (isObject(before) && key in before ? [] : [key])),
  ];
}

/** What the provider says differs, in words where it is a switch or a number: texts may be anybody's secret. */
function fieldsOf(step: PreviewStep): Record<string, string> {
  const is = { ...step.oldState?.inputs, ...step.oldState?.outputs };
  const should = step.newState?.inputs ?? {};
  const plain = (value: unknown) => typeof value === "boolean" || typeof value === "number";
  const paths = step.detailedDiff ? Object.keys(step.detailedDiff) : (step.diffReasons ?? []);
  return Object.fromEntries(
    paths.map((path) => [
      path,
      plain(is[path]) && plain(should[path])
        ? `${is[path]}, should be ${should[path]}`
        : "differs from the program",
    ]),
  );
}

const isObject = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
const text = (value: unknown) => (typeof value === "string" ? value : undefined);

function words(value: unknown): Record<string, string> {
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([field, each]) => [field, `${each}`]))
    : {};
}
