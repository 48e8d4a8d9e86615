// Writes the report: the same tables in the terminal and, with a picture, in docs/performance.md.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { root } from "../rig/machine/folders.ts";
import { type Bar, chartSvg, type Panel } from "./chart.ts";
import { type Contestant, type Name, type Operation, operations } from "./contestants/contestant.ts";
import {
  type Figure,
  figureOf,
  isOutOfReach,
  type Limit,
  type Metric,
  type Sample,
  type Spread,
  type Verdict,
} from "./figures.ts";
import { type Machine, machine } from "./machine.ts";

export interface Run {
  readonly samples: readonly Sample[];
  readonly verdicts: readonly Verdict[];
  readonly contestants: readonly Pick<Contestant, "name" | "title" | "role">[];
  /** Why a contestant did not take part. */
  readonly absent: readonly string[];
  readonly minutes: number;
  /** Did the run end before everything was measured? */
  readonly isCutShort: boolean;
}

const headings: Readonly<Record<Operation, string>> = {
  fresh: "fresh `up`",
  again: "`up`, nothing to do",
  preview: "`preview`, nothing to do",
  drift: "`preview`, drift",
  destroy: "`destroy`",
};

export function terminalReport(run: Run): string {
  const sizes = sizesOf(run).map((realms) => `${titleOf(realms)}\n\n${sizeTables(run, realms)}`);
  return ["", ...sizes, limitTable(run.verdicts), verdictText(run.verdicts)].join("\n\n");
}

export async function writeReport(run: Run): Promise<void> {
  const folder = path.join(root, "docs");
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "performance.md"), page(run, await machine()));
  await writeFile(path.join(folder, "performance.svg"), chart(run));
}

const titleOf = (realms: number) => (realms === 1 ? "1 realm" : `${realms} realms`);
const sizesOf = ({ samples }: Run) => [...new Set(samples.map(({ realms }) => realms))].sort((a, b) => a - b);

function sizeTables(run: Run, realms: number): string {
  const { samples, contestants } = run;
  const cell = (contestant: Name, operation: Operation, metric: Metric, show: Show) => {
    const spread = figureOf(samples, { realms, contestant, operation, metric });
    return spread ? show(spread) : "–";
  };
  const present = contestants.filter(({ name }) =>
    samples.some((each) => each.realms === realms && each.contestant === name),
  );
  const times = present.map(({ name, title }) => [
    title,
    ...operations.map((operation) => cell(name, operation, "seconds", seconds)),
  ]);
  const rest = present.map(({ name, title }) => [
    title,
    cell(name, "fresh", "processor", plain),
    cell(name, lookOf(name), "processor", plain),
    cell(name, "fresh", "memory", megabytes),
    cell(name, lookOf(name), "memory", megabytes),
    cell(name, "fresh", "requests", count),
    cell(name, lookOf(name), "requests", count),
    cell(name, "fresh", "logins", count),
    cell(name, "fresh", "state", kilobytes),
  ]);
  return [
    table(["seconds: median (min–max)", ...operations.map((operation) => headings[operation])], times),
    table(
      [
        "medians",
        "processor time, fresh `up`",
        "processor time, nothing to do",
        "peak memory, fresh `up`",
        "peak memory, nothing to do",
        "requests, fresh `up`",
        "requests, nothing to do",
        "logins among those of the fresh `up`",
        "state",
      ],
      rest,
    ),
  ].join("\n\n");
}

/** The operation that looks at realms with nothing to do. */
const lookOf = (name: Name): Operation => (name === "config-cli" || name === "kcadm" ? "again" : "preview");

type Show = (spread: Spread) => string;
const seconds: Show = ({ median, min, max }) => `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
const plain: Show = ({ median }) => `${median.toFixed(2)} s`;
const megabytes: Show = ({ median }) => `${Math.round(median / 2 ** 20)} MiB`;
const kilobytes: Show = ({ median }) => `${Math.round(median / 1000)} kB`;
const count: Show = ({ median }) => `${median}`;

function limitTable(verdicts: readonly Verdict[]): string {
  return table(
    ["at", "figure", "limit", "measured (min–max)", "the floor in our place", ""],
    verdicts.map((verdict) => {
      const { limit, value, result, floor } = verdict;
      const missed = isOutOfReach(verdict) ? "**missed**, by the floor too" : "**missed**";
      return [
        titleOf(limit.of.realms),
        limit.title,
        `≤ ${limit.limit}${limit.than ? ` × ${nameOf(limit.than)}` : ""}`,
        value ? `${number(value.median)} (${number(value.min)}–${number(value.max)})` : "–",
        floor === undefined ? "" : number(floor),
        result === "missed" ? missed : result,
      ];
    }),
  );
}

const number = (value: number) => `${Math.round(value * 100) / 100}`;

/** What a limit compares with, in words. */
function nameOf({ realms, contestant, operation }: Figure): string {
  const preview = operation === "preview" ? "`preview --refresh`" : headings[operation];
  const names: Readonly<Partial<Record<Name, string>>> = {
    "keycloak-apisix": `ours at ${titleOf(realms)}`,
    "pulumi-keycloak": `@pulumi/keycloak's ${preview}`,
    "config-cli": `keycloak-config-cli's ${operation === "again" ? "re-import" : "import"}`,
    kcadm: "the kcadm script again",
    "idle-resources": "the do-nothing floor",
  };
  return names[contestant] ?? contestant;
}

function verdictText(verdicts: readonly Verdict[]): string {
  const of = (result: Verdict["result"]) => verdicts.filter((each) => each.result === result);
  const listed = (missed: readonly Verdict[], head: string) =>
    missed.length === 0
      ? []
      : [
          head,
          missed
            .map(
              ({ limit, value, floor }) =>
                `- ${sentence(limit)}: ${number(value?.median ?? Number.NaN)}, limit ${limit.limit}${floor === undefined ? "" : `, the floor ${number(floor)}`}`,
            )
            .join("\n"),
        ];
  const missed = of("missed");
  const counts = `${of("met").length} limits are met, ${missed.length} missed and ${of("not measured").length} not measured.`;
  return [
    counts,
    ...listed(
      missed.filter((each) => !isOutOfReach(each)),
      "Missed, and within our reach (the run fails):",
    ),
    ...listed(
      missed.filter(isOutOfReach),
      "Missed, but out of reach: as many dynamic resources that do nothing would miss it as well. @pulumi/keycloak's provider is a Go program that the engine talks to directly; dynamic resources need a second Node process and carry their provider's text in the state. Growth is compared with the growth of the floor: the engine writes the whole state with every step, so each write costs more as resources are added.",
    ),
  ].join("\n\n");
}

function sentence({ title, of, than }: Limit): string {
  return `${titleOf(of.realms)}, ${title}${than ? `, against ${nameOf(than)}` : ""}`;
}

/** How our time divides among the engine, Keycloak and our own code. */
function shares(run: Run): string {
  const median = (realms: number, contestant: Name, operation: Operation) =>
    figureOf(run.samples, { realms, contestant, operation, metric: "seconds" })?.median;
  const cell = (value: number | undefined) => (value === undefined ? "–" : `${value.toFixed(2)} s`);
  const rows = sizesOf(run).flatMap((realms) =>
    (["preview", "fresh"] as const).map((operation) => {
      const all = median(realms, "keycloak-apisix", operation);
      const engine = median(realms, "idle-resources", operation);
      const rest = all === undefined || engine === undefined ? undefined : all - engine;
      const keycloak = operation === "preview" ? median(realms, "requests", "preview") : undefined;
      return [titleOf(realms), headings[operation], cell(all), cell(engine), cell(rest), cell(keycloak)];
    }),
  );
  const empty = median(1, "empty-program", "preview");
  return `${table(["at", "", "ours", "the do-nothing floor", "the rest", "Keycloak alone, for the same requests"], rows)}

The floor is Pulumi's: its CLI, two Node processes, and the exchange with the provider about every resource${
    empty === undefined ? "" : ` (an empty program takes ${empty.toFixed(2)} s)`
  }. The rest is
ours and includes waiting for Keycloak. The last column is what Keycloak needs for the same requests from a warm process.`;
}

function chart(run: Run): string {
  const bar = (realms: number, operationOf: (name: Name) => Operation) =>
    run.contestants.flatMap(({ name, title, role }): Bar[] => {
      if (name.endsWith("-cold") || name === "empty-program" || name === "requests") return [];
      const figure = { realms, contestant: name, operation: operationOf(name), metric: "seconds" } as const;
      const value = figureOf(run.samples, figure)?.median;
      return value === undefined ? [] : [{ label: short[name] ?? title, value, role }];
    });
  const panels = sizesOf(run).flatMap((realms): Panel[] => [
    { title: `${titleOf(realms)}: fresh up`, bars: bar(realms, () => "fresh") },
    {
      title: `${titleOf(realms)}: nothing to do, looking at the live realms`,
      bars: bar(realms, lookOf),
    },
  ]);
  return chartSvg(
    "Seconds for a fresh up and for a run with nothing to do: keycloak-apisix, its peers and the engine's floor",
    "Seconds, medians; less is better. Green: ours, blue: peers, grey: Pulumi's floor for dynamic resources.",
    panels.filter(({ bars }) => bars.length > 0),
  );
}

const short: Readonly<Partial<Record<Name, string>>> = {
  "idle-resources": "dynamic resources that do nothing",
};

function roundsOf(run: Run): string {
  const last = (realms: number) =>
    Math.max(...run.samples.filter((each) => each.realms === realms).map(({ round }) => round));
  return sizesOf(run)
    .map((realms) => `${last(realms)} at ${titleOf(realms)}`)
    .join(", ");
}

function page(run: Run, onWhat: Machine): string {
  const sizes = sizesOf(run).map((realms) => `## ${titleOf(realms)}\n\n${sizeTables(run, realms)}`);
  const machine = Object.entries(onWhat).map(([what, which]) => [what, which]);
  const absent = run.absent.map((why) => `- Not measured here: ${why}.\n`).join("");
  return `# Performance

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}, in ${run.minutes} minutes. Absolute times depend on the machine; what counts is
the ratios, taken within each round of one run. \`npm run bench -- --quick\` measures one realm within three minutes.
Rounds: ${roundsOf(run)}.${run.isCutShort ? " **The run was stopped before its end.**" : ""}

![Seconds for a fresh up and for a run with nothing to do](performance.svg)

## Limits

${limitTable(run.verdicts)}

${verdictText(run.verdicts)}

## Whose time it is

${shares(run)}

${sizes.join("\n\n")}

## The machine

${table(["what", "which"], machine)}

## How it is measured

- All contestants get the same untouched realms with client \`cim\`, on the same Keycloak, and create the same objects:
  Audience mapper, user with verified email and profile, password, realm role, three role mappings. After a contestant's first
  run the bench checks all of them and logs the customer in. A run that reports other work than expected ends the bench.
  Realms are created and reset outside the measured time. Keycloak holds no other realms, apart from \`master\`: before it answers
  an administrator it checks the rights in every realm, so each realm more makes every request slower.
- The contestants take turns, each with all its commands, in a different order each round. A warm-up round comes first and is
  not counted. Before it, plain requests make Keycloak do the same work ten times, because in production it has run for days.
  Ratios are taken within a round; what is shown is their median.
- Time runs from the start of a command to its end. Processor time and peak memory are those of the whole process tree, without
  Keycloak, measured every 0.1 s. Requests and logins come from Keycloak's own access log.
- All Pulumi programs run in the same way: the pinned CLI, plain TypeScript that Node loads (no type check), Node's compile cache,
  the same stack configuration, the CLI's default parallelism, \`up\` and \`destroy\` with \`--yes --skip-preview\` (the preview is a
  figure of its own).
- @pulumi/keycloak only compares with its state. To see what we see it needs \`preview --refresh\`, so that is its preview here.
  It never sees a changed password, and fetches no token.
- keycloak-config-cli takes part if \`KEYCLOAK_CONFIG_CLI_JAR\` names its jar. Maven Central does not carry it. Its source builds
  with \`mvn -DskipTests package\` on Java 21 or newer; \`JAVA_HOME\` must name that Java for the bench as well. It runs with
  \`import.cache.enabled=false\`, so it looks at the realm each time, as the kcadm.sh script does before it writes. For both,
  "again" is the same run once more; neither has a preview or a way back. The script starts Java for every call, so it is
  measured at one realm only, and keycloak-config-cli only once at 50.
- "Nothing compiled yet" is the situation of a fresh CI runner: our program without Node's compile cache, and @pulumi/keycloak's in
  the project that \`pulumi new typescript\` creates, type-checked, without ts-node's cache. No limit depends on it.
- There are three floors: a program without resources; as many dynamic resources as ours, with the same components and inputs but
  an idle provider; and the requests of our clean preview, sent again by one warm process, eight at a time, with one login.
${absent}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
