// Puts the stack's blocks on the routes of an `apisix-custom-values.yaml`, or takes them out: from its text and the blocks
// to the new text and a report on each route. It adds and removes whole lines, and the rest stays byte for byte as it is.
// CX's commented-out blocks stay too, so taking a block out gives back the file as it was.

import { isDeepStrictEqual } from "node:util";
import { isCollection, isMap, isPair, isScalar, type ParsedNode, stringify } from "yaml";
import {
  authzKeycloak,
  type Block,
  isBlock,
  isMeantFor,
  isOf,
  type Owner,
  openidConnect,
  ownerOf,
  type Plugins,
  words,
} from "./block.ts";
import { type ParsedPair, pairOf, type Route, readValues, routesIn } from "./values.ts";

export interface Wanted {
  /** The stack's blocks. */
  readonly plugins: Plugins;
  /** Ids of the only routes to be touched. Default: those meant for the blocks. */
  readonly named?: readonly string[];
  /** Take the blocks out instead. */
  readonly remove?: boolean;
}

export interface Change {
  readonly plugin: string;
  readonly how: "added" | "replaced" | "taken out";
}

export interface RouteReport {
  readonly route: string;
  /** How the new text leaves it: secured by our block or by another realm's or client's, or open. */
  readonly state: "secured" | "other" | "open";
  readonly changes: readonly Change[];
  /** Why it is left alone, and what else is to be known. */
  readonly notes: readonly string[];
}

export interface Rewritten {
  readonly text: string;
  readonly routes: readonly RouteReport[];
}

/** @throws Error with a clause that says why nothing can be done with this text */
export function rewrite(text: string, wanted: Wanted): Rewritten {
  const { data, routes } = readValues(text);
  const unknown = (wanted.named ?? []).filter((name) => !routes.some(({ id }) => id === name));
  if (unknown.length > 0) throw new Error(`it has no route ${unknown.map((id) => `'${id}'`).join(", ")}`);
  const decided = routes.map((route) => ({ route, report: decide(route, wanted) }));
  const edits = decided.flatMap(({ route, report }) => editsOf(text, route, report, wanted.plugins));
  const rewritten = edits
    .toSorted((one, other) => other.start - one.start)
    .reduce((now, { start, end, insert }) => now.slice(0, start) + insert + now.slice(end), text);
  if (edits.length > 0) refuseSideEffects(rewritten, data, decided, wanted.plugins);
  return { text: rewritten, routes: decided.map(({ report }) => report) };
}

type Decided = { readonly route: Route; readonly report: RouteReport };

function decide(route: Route, { plugins, named = [], remove = false }: Wanted): RouteReport {
  const { plugins: live, commentedOut } = route;
  const owner = ownerOf(plugins[openidConnect]);
  const isNamed = route.id !== undefined && named.includes(route.id);
  const mine = (plugin: string) => isOf(owner, live[plugin]);
  const differs = (plugin: string) => !isDeepStrictEqual(live[plugin], plugins[plugin]);
  const carries = openidConnect in live;
  const report = (state: RouteReport["state"], changes: Change[], notes: string[]) => ({
    route: route.name,
    state,
    changes,
    notes,
  });

  const reason = isNamed ? undefined : whyNot(route, owner, named.length > 0, remove);
  if (reason !== undefined) {
    const stale =
      mine(openidConnect) && differs(openidConnect) ? ["openid-connect differs from the stack"] : [];
    return report(!carries ? "open" : mine(openidConnect) ? "secured" : "other", [], [reason, ...stale]);
  }
  if (remove) {
    const taken = [openidConnect, authzKeycloak].filter((name) => name in live && (isNamed || mine(name)));
    const changes = taken.map((plugin): Change => ({ plugin, how: "taken out" }));
    return report("open", changes, taken.length > 0 ? [] : ["it carries no block"]);
  }
  const changes: Change[] = [];
  const notes: string[] = [];
  for (const plugin of Object.keys(plugins)) {
    if (!differs(plugin)) continue;
    if (!(plugin in live)) changes.push({ plugin, how: "added" });
    else if (isNamed || mine(plugin)) changes.push({ plugin, how: "replaced" });
    else notes.push(`${plugin} is left, it is for ${words(ownerOf(live[plugin]))}`);
  }
  if (!(authzKeycloak in plugins)) {
    if (authzKeycloak in live) notes.push("authz-keycloak is left as it is");
    else if (authzKeycloak in commentedOut) notes.push("authz-keycloak stays a comment, the stack has none");
  }
  return report("secured", changes, notes);
}

/** Why a route that is not named is left alone, or undefined if it is not. */
function whyNot(route: Route, owner: Owner, someAreNamed: boolean, remove: boolean): string | undefined {
  const block = route.plugins[openidConnect];
  const commentedOut = route.commentedOut[openidConnect];
  if (someAreNamed) return "not named with --route";
  if (route.id?.endsWith("-unsecured")) return "its id ends in -unsecured";
  if (openidConnect in route.plugins) {
    return isOf(owner, block) ? undefined : `its block is for ${words(ownerOf(block))}`;
  }
  if (remove) return "it carries no block";
  if (!commentedOut) return "it has no commented-out block";
  return isMeantFor(owner, commentedOut)
    ? undefined
    : `its commented-out block is for ${words(ownerOf(commentedOut))}`;
}

/** Replaces what is between two offsets. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly insert: string;
}

function editsOf(text: string, route: Route, { changes }: RouteReport, wanted: Plugins): Edit[] {
  if (changes.length === 0) return [];
  const { node, name } = route;
  const own = node && pairOf(node, "plugins");
  const plugins = own?.value ?? undefined;
  const map = isMap(plugins) ? plugins : undefined;
  // Not a `null` that is written out, which nothing can follow.
  const isEmpty = !plugins || (isScalar(plugins) && plugins.source === "");
  if (!node || node.flow || map?.flow || !(map || isEmpty)) {
    throw new Error(
      `the plugins of route '${name}' are not written one below the other: write them out like that, without braces and aliases`,
    );
  }
  const column = (pair: ParsedPair) => pair.key.range[0] - lineStart(text, pair.key.range[0]);
  const there = (plugin: string) => (map ? pairOf(map, plugin) : undefined);
  const edits: Edit[] = [];

  for (const { plugin, how } of changes) {
    const pair = there(plugin);
    if (!pair) continue;
    const start = lineStart(text, pair.key.range[0]);
    const end = lineEnd(text, endOf(pair));
    const lines =
      how === "replaced"
        ? linesOf(only([plugin], wanted), column(pair))
        : placeFor(route, plugin, wanted, column(pair));
    // A block that goes takes the line break before it along.
    if (lines.length === 0) edits.push({ start: previousLineEnd(text, start), end, insert: "" });
    else edits.push({ start, end, insert: lines.join(lineBreak(text, end)) });
  }
  const fresh = changes.filter(({ plugin, how }) => how !== "taken out" && !there(plugin));
  if (fresh.length > 0) {
    const blocks = only(
      fresh.map(({ plugin }) => plugin),
      wanted,
    );
    const [first] = node.items;
    const last = node.items.at(-1);
    if (!first || !last) throw new Error(`route '${name}' is empty`);
    const [firstPlugin] = map?.items ?? [];
    const outer = own ? column(own) : column(first);
    const inner = linesOf(blocks, firstPlugin ? column(firstPlugin) : outer + 2);
    const at = lineEnd(text, own ? own.key.range[1] : endOf(last));
    const lines = own ? inner : [`${" ".repeat(outer)}plugins:`, ...inner];
    const eol = lineBreak(text, at);
    edits.push({ start: at, end: at, insert: eol + lines.join(eol) });
  }
  // With nothing under it, `plugins` would be null, and no list of plugins.
  if (own && map && changes.filter(({ how }) => how === "taken out").length === map.items.length) {
    const start = previousLineEnd(text, lineStart(text, own.key.range[0]));
    edits.push({ start, end: lineEnd(text, own.key.range[1]), insert: "" });
  }
  return edits;
}

/** What stays of a block that is taken out: without CX's comment, one by which the next run finds the route again. */
function placeFor({ commentedOut }: Route, plugin: string, wanted: Plugins, column: number): string[] {
  const owner = ownerOf(wanted[openidConnect]);
  const known = commentedOut[openidConnect];
  if (plugin !== openidConnect || (known && isMeantFor(owner, known))) return [];
  const block = { [openidConnect]: { realm: owner.realm, client_id: owner.client } };
  return linesOf(block, 0).map((line) => `${" ".repeat(column)}# ${line}`);
}

const only = (names: readonly string[], plugins: Plugins): Plugins =>
  Object.fromEntries(Object.entries(plugins).filter(([name]) => names.includes(name)));

/** Strings are quoted, as in CX's file: Helm reads YAML 1.1, where more words than here are something else. */
function linesOf(blocks: Block, column: number): string[] {
  const text = stringify(blocks, {
    defaultKeyType: "PLAIN",
    defaultStringType: "QUOTE_DOUBLE",
    lineWidth: 0,
  });
  return text
    .trimEnd()
    .split("\n")
    .map((line) => " ".repeat(column) + line);
}

/** Anchors can make a change reach further than it should: then nothing is changed at all. */
function refuseSideEffects(text: string, before: Block, decided: readonly Decided[], wanted: Plugins): void {
  const expected = decided.map(({ route, report }, at): unknown => {
    const was = routesIn(before)[at];
    if (report.changes.length === 0 || !isBlock(was)) return was;
    const { plugins: _plugins, ...others } = was;
    const plugins: Record<string, unknown> = { ...route.plugins };
    for (const { plugin, how } of report.changes) {
      if (how === "taken out") delete plugins[plugin];
      else plugins[plugin] = wanted[plugin];
    }
    return Object.keys(plugins).length > 0 ? { ...others, plugins } : others;
  });
  const standalone = isBlock(before.apisixStandalone) ? before.apisixStandalone : {};
  const whole = { ...before, apisixStandalone: { ...standalone, routes: expected } };
  const after = dataOf(text);
  if (isDeepStrictEqual(after, whole)) return;
  const others = after
    ? decided.filter((_, at) => !isDeepStrictEqual(routesIn(after)[at], expected[at]))
    : [];
  const where = others.map(({ report }) => ` of route '${report.route}'`).join(", ");
  throw new Error(
    `its anchors and aliases make the change reach further than it should: write out the plugins${where}`,
  );
}

function dataOf(text: string): Block | undefined {
  try {
    return readValues(text).data;
  } catch {
    return undefined;
  }
}

/** Where a pair's last value ends: without the comments and blank lines behind it. */
function endOf(node: ParsedPair | ParsedNode): number {
  if (isPair(node)) return endOf(node.value ?? node.key);
  if (!isCollection(node) || node.flow) return node.range[1];
  const last = node.items.at(-1);
  return last ? endOf(last) : node.range[1];
}

/** Offset of the first character of the line. */
const lineStart = (text: string, offset: number) => text.lastIndexOf("\n", offset - 1) + 1;

/** The end of the line, before its line break, that has something before this offset. */
function lineEnd(text: string, offset: number): number {
  const inside = text[offset - 1] === "\n" ? offset - 1 : offset;
  const at = text.indexOf("\n", inside);
  const end = at < 0 ? text.length : at;
  return text[end - 1] === "\r" ? end - 1 : end;
}

/** The end of the line before the one that starts at this offset. */
const previousLineEnd = (text: string, start: number) => lineEnd(text, start);

/** The line break that is used around this offset. */
function lineBreak(text: string, offset: number): string {
  const next = text.indexOf("\n", offset);
  const at = next < 0 ? text.lastIndexOf("\n") : next;
  return text[at - 1] === "\r" ? "\r\n" : "\n";
}
