// Turns the steps of `pulumi preview --json` into a report: what drifted, and what is not applied yet. The report holds
// no value that the CLI does not show in the clear; of other providers' resources it holds only booleans and numbers.

import { unknownValue } from "../components/provider/unknown.ts";

/** The heaviest first: a stack that could not be checked outweighs everything. */
export type Result = "unknown" | "drift" | "unapplied" | "clean";

export interface DriftReport {
  /** Changes when a field goes or changes its meaning. New fields may come without a new version. */
  version: 1;
  result: Result;
  stacks: StackReport[];
}

export interface StackReport {
  stack: string;
  result: Result;
  /** Why the stack could not be checked; only set then. */
  error?: string;
  warnings: string[];
  /** Only resources that are not as the program wants them. */
  resources: ResourceReport[];
  /** Names of other providers' resources, which `--no-refresh` leaves uncompared with the live realm. */
  notCompared: string[];
}

export interface ResourceReport {
  /** Null if the realm is not known, or the resource is in none. */
  realm: string | null;
  /** The name in the program: the last part of the URN. */
  name: string;
  /** Pulumi's type token: `pulumi-nodejs:dynamic/keycloak-apisix:User`, `keycloak:index/realm:Realm`. */
  type: string;
  /** Field → words: the live object is not as the last `up` left it. */
  drift?: Record<string, string>;
  /** What the next `up` will do because the program or its settings ask for something new. */
  unapplied?: { plan: Plan; fields: Record<string, string> };
}

export type Plan = "create" | "adopt" | "update" | "replace" | "delete";

/** The part of a step that is read here. The CLI calls the whole `PreviewStep`, too. */
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

/** @returns undefined if the text is not a preview, because the CLI failed before it began. */
export function parsePreview(stdout: string): Preview | undefined {
  try {
    const { steps = [], config = {}, diagnostics = [] } = JSON.parse(stdout.slice(stdout.search(/^\{/m)));
    return { steps, config, diagnostics };
  } catch {
    return undefined;
  }
}

export const isTokenCheck = (type: string) => type.endsWith(":TokenCheck");
/** Our resources compare with the live realm in every preview; other providers' only compare with the state. */
export const isEnsuredType = (type: string) => type.startsWith("pulumi-nodejs:dynamic/keycloak-apisix:");

/** The CLI's messages of this severity, each once and without the severity in front. */
export function said(severity: string, { diagnostics }: Preview): string[] {
  const texts = diagnostics
    .filter((each) => each.severity === severity)
    .map(({ message }) => message.replace(new RegExp(`^${severity}: `), "").trim());
  return [...new Set(texts)];
}

export interface Previews {
  plain: PreviewStep[];
  /** The preview after a refresh, which alone compares other providers' resources with the live realm. */
  refreshed?: PreviewStep[];
  /** Address of the server that a config namespace means today, if it is known. */
  serverOf: (connection: string | undefined) => string | undefined;
}

/** @returns the resources that are not as the program wants them, sorted by realm and name: the CLI's order varies. */
export function report({ plain, refreshed, serverOf }: Previews): ResourceReport[] {
  const after = refreshed && byUrn(refreshed);
  const steps = byUrn(plain);
  // A step that only the refreshed preview has should not exist, but it must not get lost either.
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

/** Names of the resources in the state that only a refresh compares with the live realm. */
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

/** Our resources carry forecasts in their inputs (`plan`, `corrects`, `drift`): these say what is the matter. */
function ensured(step: PreviewStep, serverOf: Previews["serverOf"]): Found {
  const plan = planOf(step.op);
  const news = step.newState?.inputs ?? {};
  const olds = step.oldState?.inputs ?? {};
  if (!plan) return {};
  if (plan === "create" && news.plan === "adopt")
    return { unapplied: { plan: "adopt", fields: words(news.corrects) } };
  if (plan === "create" || plan === "delete") return { unapplied: { plan, fields: {} } };
  const { named, fields } = changedSettings(olds, news);
  if (plan === "replace") return { unapplied: { plan, fields: { ...fields, ...words(news.corrects) } } };

  const recorded = step.oldState?.outputs?.server;
  const server = serverOf(text(news.connection));
  if (server !== undefined && typeof recorded === "string" && recorded !== server) {
    // The forecast is about another server than the one in the state, so it says nothing about drift.
    return { unapplied: { plan, fields: { ...fields, server: `${recorded}, will be ${server}` } } };
  }
  // The token check owns nothing in Keycloak that could drift.
  if (isTokenCheck(typeOf(step))) return { unapplied: { plan, fields } };
  const seen = Object.entries(words(news.drift));
  const drift = Object.fromEntries(seen.filter(([field]) => !named.has(field)));
  const asked = Object.fromEntries(seen.filter(([field]) => named.has(field)));
  const pending = { ...fields, ...asked };
  if (Object.keys(drift).length + Object.keys(pending).length === 0) {
    return {
      drift: {
        state:
          "the live object is not the recorded one: somebody recreated it, or its client's secret changed",
      },
    };
  }
  return {
    ...(Object.keys(drift).length > 0 && { drift }),
    ...(Object.keys(pending).length > 0 && { unapplied: { plan, fields: pending } }),
  };
}

/**
 * Other providers compare with the state: a plain preview shows what changed in the program, and what appears only
 * after a refresh changed in the realm.
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

/** An unknown operation counts as an update: it must not pass for "nothing to do". */
const planOf = (op: string): Plan | undefined => (op in plans ? plans[op] : "update");

/** One step a resource: a replacement consists of three, and the one with both states says most. */
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
  // This repository's program names its components, and the realms that it owns, after the realm.
  const { parent = "", dependencies } = stateOf(step) ?? {};
  const named = [parent, ...(dependencies ?? [])].find((urn) => /:(ApisixEnablement|Realm)::/.test(urn));
  return named === undefined ? null : nameOf(named);
}

/** Inputs that are not settings: our forecasts. Those that only serve a provider begin with `__`. */
const forecasts = new Set(["plan", "drift", "corrects", "changed"]);
const isSetting = (name: string) => !forecasts.has(name) && !name.startsWith("__");

/**
 * The settings that changed, in words, and every name in them. Where a forecast calls a field of such a name drift, it is
 * what the new setting asks for. The CLI hides secrets, so for those the forecast `changed` tells.
 */
function changedSettings(olds: Values, news: Values): { named: Set<string>; fields: Record<string, string> } {
  const named = new Set<string>();
  const fields: Record<string, string> = {};
  const told = Array.isArray(news.changed) ? news.changed.map(String) : [];
  // Drift in a secret is drift all the same: how the live object differs from a new secret is never shown.
  for (const name of told) fields[name] = "changed in the configuration";
  for (const name of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    if (!isSetting(name) || same(olds[name], news[name])) continue;
    named.add(name);
    for (const each of mentioned(olds[name], news[name])) named.add(each);
    fields[name] = "changed in the configuration";
  }
  return { named, fields };
}

/** Keys whose values differ, and items that only one of the lists has. */
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

/** The fields that differ. Only booleans and numbers are shown, since a text may be somebody's secret. */
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
