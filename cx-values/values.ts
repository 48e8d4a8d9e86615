// Reads an `apisix-custom-values.yaml`: its routes, the plugins on them, and the plugins' blocks that are commented out.
// Nodes keep their offsets in the text, so that whoever edits it leaves the rest byte for byte as it is.

import {
  CST,
  type Document,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Pair,
  type ParsedNode,
  parse,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { authzKeycloak, type Block, isBlock, openidConnect, type Plugins } from "./block.ts";

export type ParsedPair = Pair<ParsedNode, ParsedNode | null>;

export interface Route {
  /** The route's `id`, or the line it starts at. */
  readonly name: string;
  readonly id: string | undefined;
  readonly node: YAMLMap.Parsed | undefined;
  /** What stands under `plugins`, with aliases resolved. */
  readonly plugins: Block;
  /** The blocks of `openid-connect` and `authz-keycloak` in its comments, by plugin. */
  readonly commentedOut: Plugins;
}

export interface Values {
  /** The whole file as plain data. */
  readonly data: Block;
  readonly routes: readonly Route[];
}

/** @throws Error that says what is wrong with the text, and where, but never quotes it: it may hold secrets */
export function readValues(text: string): Values {
  const tokens = [...tokensOf(text)];
  const template = tokens.find(({ source }, at) => source === "{" && tokens[at + 1]?.source === "{");
  if (template) {
    throw new Error(
      `line ${lineAt(text, template.offset)} has a Helm template outside quotes, and a values file is plain YAML: put the template in quotes`,
    );
  }
  const document = parseDocument(text, { prettyErrors: false, merge: true });
  const [error] = document.errors;
  if (error) {
    throw new Error(
      `it is not valid YAML at line ${lineAt(text, error.pos[0])} (${error.code.toLowerCase().replaceAll("_", " ")})`,
    );
  }
  const root = document.contents;
  const standalone = isMap(root) ? pairOf(root, "apisixStandalone")?.value : undefined;
  const list = isMap(standalone) ? pairOf(standalone, "routes")?.value : undefined;
  if (!isMap(root) || !isMap(standalone) || !isSeq(list)) {
    throw new Error("it has no list apisixStandalone.routes, as CX's apisix-custom-values.yaml has");
  }

  const data = plainData(document);
  const plain = routesIn(data);
  const comments = commentLines(text, tokens);
  const keys = [root, standalone].flatMap(({ items }) => items.map(({ key }) => key.range[0]));
  const starts = [...keys, ...list.items.map(({ range }) => range[0]), text.length];
  const routes = list.items.map((node, at): Route => {
    const start = node.range[0];
    const end = Math.min(...starts.filter((each) => each > start));
    const { id, plugins } = isBlock(plain[at]) ? plain[at] : {};
    const named = typeof id === "string" || typeof id === "number" ? `${id}` : undefined;
    return {
      name: named ?? `(no id, line ${lineAt(text, start)})`,
      id: named,
      node: isMap(node) ? node : undefined,
      plugins: isBlock(plugins) ? plugins : {},
      commentedOut: commentedOut(comments.filter(({ offset }) => offset > start && offset < end)),
    };
  });
  return { data: isBlock(data) ? data : {}, routes };
}

function plainData(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: -1 });
  } catch {
    throw new Error("it refers to an anchor that it does not define");
  }
}

/** The list `apisixStandalone.routes` in a file's plain data. */
export function routesIn(data: unknown): readonly unknown[] {
  const standalone = isBlock(data) ? data.apisixStandalone : undefined;
  const routes = isBlock(standalone) ? standalone.routes : undefined;
  return Array.isArray(routes) ? routes : [];
}

export function pairOf(map: YAMLMap.Parsed, name: string): ParsedPair | undefined {
  return map.items.find(({ key }) => isScalar(key) && key.value === name);
}

interface Token {
  readonly offset: number;
  readonly source: string;
}

/** What the text consists of. A scalar is one token, so what looks like a comment in it is none. */
function* tokensOf(text: string): Generator<Token> {
  let offset = 0;
  for (const source of new Lexer().lex(text)) {
    // These mark what follows and are not in the text.
    if (source === CST.DOCUMENT || source === CST.FLOW_END || source === CST.SCALAR) continue;
    yield { offset, source };
    offset += source.length;
  }
}

interface CommentLine {
  readonly offset: number;
  readonly line: number;
  /** Column of the text behind the `#`. */
  readonly indent: number;
  readonly text: string;
}

/** The comments that have a line of their own. */
function commentLines(text: string, tokens: readonly Token[]): CommentLine[] {
  return tokens.flatMap(({ offset, source }) => {
    const before = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
    if (!source.startsWith("#") || before.trim() !== "") return [];
    const inside = source.slice(1).trim();
    const indent = before.length + source.indexOf(inside, 1);
    return [{ offset, line: lineAt(text, offset), indent, text: inside }];
  });
}

/** The plugins' blocks in the comments of one route. CX's file has some `authz-keycloak` indented under `openid-connect`. */
function commentedOut(comments: readonly CommentLine[]): Plugins {
  const found: Record<string, Block> = {};
  for (let at = 0; at < comments.length; ) {
    const head = comments[at];
    // A list item may be another route, commented out as a whole: what follows would be its blocks.
    if (!head || /^-( |$)/.test(head.text)) break;
    const plugin = [openidConnect, authzKeycloak].find((name) => head.text.startsWith(`${name}:`));
    const beyond = comments.findIndex(
      ({ line, indent, text }, index) =>
        index > at && (line !== head.line + index - at || (text !== "" && indent <= head.indent)),
    );
    const end = plugin === undefined ? at + 1 : beyond < 0 ? comments.length : beyond;
    const block = plugin && blockIn(comments.slice(at, end), plugin);
    if (plugin && block) {
      found[plugin] ??= block;
      const inner = block[authzKeycloak];
      if (isBlock(inner)) found[authzKeycloak] ??= inner;
    }
    at = end;
  }
  return found;
}

function blockIn(lines: readonly CommentLine[], plugin: string): Block | undefined {
  try {
    const all: unknown = parse(lines.map(({ indent, text }) => " ".repeat(indent) + text).join("\n"));
    return isBlock(all) && isBlock(all[plugin]) ? all[plugin] : undefined;
  } catch {
    // A block that nobody can read names no realm and no client, so it is left alone.
    return {};
  }
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
