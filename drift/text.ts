// The drift report as text, for a terminal or a mail from cron.

import { stripVTControlCharacters, styleText } from "node:util";
import {
  type DriftReport,
  isEnsuredType,
  isTokenCheck,
  type Plan,
  type ResourceReport,
  type Result,
  type StackReport,
} from "./report.ts";

type Style = Parameters<typeof styleText>[0];

const titles: Readonly<Record<Result, readonly [text: string, style: Style]>> = {
  clean: ["clean", "green"],
  drift: ["drift", "yellow"],
  unapplied: ["not yet applied", "cyan"],
  unknown: ["could not be checked", "red"],
};

const plans: Readonly<Record<Plan, string | undefined>> = {
  create: "will be created",
  adopt: "will be adopted",
  replace: "will be replaced",
  delete: "is no longer in the program",
  update: undefined,
};

export function stackText(stack: StackReport): string {
  const { resources, notCompared } = stack;
  const width = (texts: string[]) => Math.max(0, ...texts.map((text) => text.length));
  const nameWidth = width(resources.map(({ name }) => name));
  const stateWidth = width(
    resources.flatMap(({ drift, unapplied }) => [drift ? "drift" : "", unapplied ? titles.unapplied[0] : ""]),
  );
  const realms = [...new Set(resources.map(({ realm }) => realm))];
  return [
    `Stack ${styleText("bold", stack.stack)}: ${title(stack.result)}`,
    ...(stack.error ?? "")
      .split("\n")
      .filter(Boolean)
      .map((line) => `  ${line}`),
    ...stack.warnings.map((warning) => `  ${styleText("yellow", "warning:")} ${warning}`),
    ...realms.flatMap((realm) => [
      realm === null ? "  No realm, or one that is not known yet" : `  Realm ${realm}`,
      ...resources
        .filter((resource) => resource.realm === realm)
        .flatMap((resource) => lines(resource, nameWidth, stateWidth)),
    ]),
    ...(notCompared.length > 0 ? [`  Not compared, because of --no-refresh: ${notCompared.join(", ")}`] : []),
  ].join("\n");
}

function lines(resource: ResourceReport, nameWidth: number, stateWidth: number): string[] {
  let name = resource.name;
  return rows(resource).map(([result, words]) => {
    const state = title(result) + " ".repeat(stateWidth - stripVTControlCharacters(title(result)).length);
    const line = `    ${name.padEnd(nameWidth)}  ${state}  ${words}`;
    name = "";
    return line;
  });
}

function rows({ type, drift, unapplied }: ResourceReport): (readonly [Result, string])[] {
  const pairs = (fields: Record<string, string> = {}) =>
    Object.entries(fields).map(([field, words]) => `${field}: ${words}`);
  const fields = pairs(unapplied?.fields);
  const plan =
    unapplied &&
    (isTokenCheck(type) && unapplied.plan !== "delete" ? "a token will be verified" : plans[unapplied.plan]);
  const pending = unapplied
    ? [...(plan ? [plan] : fields.length > 0 ? [] : ["will be updated"]), ...fields]
    : [];
  return [
    ...pairs(drift).map((words) => ["drift", words] as const),
    ...pending.map((words) => ["unapplied", words] as const),
  ];
}

/** The totals, and the commands that apply what is due. */
export function summaryText({ stacks }: DriftReport): string {
  const count = (result: Result) => stacks.filter((stack) => stack.result === result);
  const counts = (["drift", "unapplied", "unknown", "clean"] as const)
    .filter((result) => count(result).length > 0)
    .map((result) => `${count(result).length} ${title(result)}`);
  const toApply = [...count("drift"), ...count("unapplied")];
  return [
    `${stacks.length} ${stacks.length === 1 ? "stack" : "stacks"}: ${counts.join(", ")}`,
    ...toApply.map(({ stack, resources }) => {
      const foreign = resources.some(({ type, drift }) => drift && !isEnsuredType(type));
      return `  npm run pulumi -- up${foreign ? " --refresh --run-program" : ""} --stack ${stack}`;
    }),
  ].join("\n");
}

function title(result: Result): string {
  const [text, style] = titles[result];
  return styleText(style, text);
}
