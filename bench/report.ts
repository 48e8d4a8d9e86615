// Writes the page: page.md with what was measured in place of its {placeholders}.
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Figure, Figures, Metric, Spread, Verdict } from "./figures.ts";

/** Two digits are as exact as a measurement is. */
const digits = (value: number) => (value < 9.95 ? value.toFixed(1) : `${Math.round(value)}`);
const hundredths = (value: number) => `${Math.round(value * 100) / 100}`;
const range = ({ median, min, max }: Spread, show = digits) =>
  min === max ? show(median) : `${show(median)} (${show(min)}–${show(max)})`;

/** In MB and kB where the metric is in bytes. */
const shown: Readonly<Partial<Record<Metric, (spread: Spread) => string>>> = {
  seconds: (spread) => range(spread),
  requests: ({ median }) => hundredths(median),
  memory: ({ median }) => digits(median / 1e6),
  written: ({ median }) => digits(median / 1e6),
  state: ({ median }) => digits(median / 1e3),
};

/** @param facts what the page says beside figures */
export async function pageOf(figures: Figures, verdicts: readonly Verdict[], facts: Record<string, string>) {
  const template = await readFile(path.join(import.meta.dirname, "page.md"), "utf8");
  const all: typeof facts = { ...facts, limits: limitsText(verdicts), faster: fasterText(figures) };
  return template.replaceAll(/\{(.+?)\}/g, (_, name: string) => {
    const spread = figures.spread(name as Figure);
    const show = shown[name.split(" ").at(-1) as Metric] ?? (({ median }) => digits(median));
    return all[name] ?? (spread ? show(spread) : "–");
  });
}

function limitsText(verdicts: readonly Verdict[]): string {
  const count = (wanted: Verdict["result"]) => verdicts.filter(({ result }) => result === wanted).length;
  const rows = verdicts.map(({ of, title, limit, than, value, result }) => {
    const at = of.startsWith("1 ") ? "1 realm" : "50 realms";
    const measured = value ? range(value, hundredths) : "–";
    const most = `${limit}${than ? ` × ${nameOf(than)}` : ""}`;
    return `| ${at} | ${title} | ≤ ${most} | ${measured} | ${result === "missed" ? "**missed**" : result} |`;
  });
  const counts = `${count("met")} are met, ${count("missed")} missed, ${count("not measured")} not measured.`;
  const head = "| at | figure | limit | measured (min–max) | |\n| --- | --- | --- | --- | --- |";
  return [`${counts}\n`, head, ...rows].join("\n");
}

function nameOf(than: Figure): string {
  if (than.includes(" clone ")) return "a bare `pulumi preview` of the same stack";
  return than.includes(" floor ") ? "the floor's" : "@pulumi/keycloak's";
}

/** Where, and at how many realms. */
function fasterText(figures: Figures): string {
  const titles = {
    fresh: "a fresh `up`",
    again: "an `up` with nothing to do",
    preview: "`preview`",
    destroy: "`destroy`",
  };
  const where = (["fresh", "again", "preview", "destroy"] as const).flatMap((operation) => {
    const ratioAt = (size: number) =>
      figures.ratio(`${size} peer ${operation} seconds`, `${size} ours ${operation} seconds`)?.median ?? 1;
    const sizes = [1, 10, 50].filter((size) => ratioAt(size) < 1);
    return sizes.length > 0 ? [`${titles[operation]} (realms: ${sizes.join(", ")})`] : [];
  });
  return where.join(", ") || "nothing";
}
