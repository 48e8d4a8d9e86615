// Whatever a values file looks like: what is not one of our blocks stays byte for byte as it is.
import { isDeepStrictEqual } from "node:util";
import test from "ava";
import fc from "fast-check";
import { parse } from "yaml";
import type { Block, Plugins } from "./block.ts";
import { rewrite } from "./rewrite.ts";

/** What a route's plugins look like before. */
const kinds = [
  "open",
  "bare",
  "empty",
  "commented out",
  "commented out by an editor",
  "commented out and empty",
  "commented out for another client",
  "ours",
  "stale",
  "stale, with other plugins around it",
  "another realm's",
] as const;
type Kind = (typeof kinds)[number];

interface RouteModel {
  readonly kind: Kind;
  readonly unsecured: boolean;
  readonly authz: "none" | "beside" | "inside";
  readonly text: string;
  readonly flow: boolean;
}

interface FileModel {
  readonly plugins: Plugins;
  readonly routes: readonly RouteModel[];
  readonly depth: number;
  readonly breaks: readonly ("\n" | "\r\n")[];
  readonly mark: boolean;
  readonly tail: string;
  readonly finalBreak: boolean;
}

const realm = "tenant 1";
const address = (of: string) => `http://keycloak/auth/realms/${encodeURIComponent(of)}`;

const words = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom(
    "yes",
    "~",
    "0x1f",
    "1e3",
    "1_000",
    "12:30",
    "",
    " a",
    "a: b",
    "a #b",
    "'\"\\",
    "a\nb\r\n",
    "*x",
  ),
);
const secret = words.filter((text) => !text.includes("{{"));

const plugins: fc.Arbitrary<Plugins> = fc
  .record({ client_secret: secret, extra: fc.array(secret, { maxLength: 2 }), withAuthz: fc.boolean() })
  .map(({ client_secret, extra, withAuthz }) => ({
    "openid-connect": {
      client_id: "cim",
      client_secret,
      realm,
      discovery: `${address(realm)}/.well-known/openid-configuration`,
      bearer_only: true,
      required_scopes: ["email", ...extra],
      claim_validator: { audience: { required: true } },
    },
    ...(withAuthz && {
      "authz-keycloak": {
        client_id: "cim",
        client_secret,
        discovery: `${address(realm)}/x`,
        lazy_load_paths: true,
      },
    }),
  }));

const file: fc.Arbitrary<FileModel> = fc.record({
  plugins,
  routes: fc.array(
    fc.record({
      kind: fc.constantFrom(...kinds),
      unsecured: fc.boolean(),
      authz: fc.constantFrom("none", "beside", "inside"),
      // Nothing here is a comment, although it looks like one.
      text: fc.constantFrom(
        "plain",
        "'a # b'",
        "|\n    # openid-connect:\n    #   client_id: cim",
        '"{{ x }}"',
      ),
      flow: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  depth: fc.integer({ min: 0, max: 5 }),
  breaks: fc.oneof(
    fc.constant(["\n" as const]),
    fc.constant(["\r\n" as const]),
    fc.array(fc.constantFrom("\n" as const, "\r\n" as const), { minLength: 2, maxLength: 7 }),
  ),
  mark: fc.boolean(),
  tail: fc.constantFrom(
    "",
    "\n\n",
    "# the end",
    "  other: 1",
    "other:\n  # openid-connect:\n  #   realm: expertflow\n  #   client_id: cim",
    " \n",
  ),
  finalBreak: fc.boolean(),
});

/** A piece of the file: text that must stay, or what is between two of them and holds blocks. */
interface Piece {
  readonly text: string;
  /** The plugins that it holds afterwards. */
  readonly holds?: Plugins;
}

const commented = (lines: readonly string[], how: (line: string) => string) => lines.map(how);

/** Lines of a route. Those of a live block are one element, marked as such. */
function linesOf(
  model: RouteModel,
  at: number,
  depth: number,
  plugins: Plugins,
): (string | { block: string[] })[] {
  const own = " ".repeat(depth + 2);
  const inner = " ".repeat(depth + 4);
  const kind = model.kind;
  const client = kind === "commented out for another client" ? "web" : "cim";
  const authz = ["authz-keycloak:", `  discovery: ${address("expertflow")}/x`, `  client_id: ${client}`];
  const shipped = [
    "openid-connect:",
    `  discovery: "${address("expertflow")}/x" # inside`,
    `  client_id: "${client}"`,
    "  audience: [cim]",
    "  list:",
    "    - a",
    ...(model.authz === "none" ? [] : model.authz === "beside" ? authz : authz.map((line) => `  ${line}`)),
  ];
  const others = [
    `${inner}proxy-rewrite:`,
    `${inner}  regex_uri: ["^/x/?(.*)", "/$1"]  # keep`,
    "",
    `${inner}# of cors`,
    `${inner}cors: {}`,
  ];
  const block = (of: string, secret: string) => ({
    block: model.flow
      ? [
          `${inner}openid-connect: { client_id: cim, client_secret: "${secret}",`,
          `${inner}    discovery: '${address(of)}/x' } # ours`,
        ]
      : [
          `${inner}openid-connect: # ours`,
          `${inner}  # inside`,
          `${inner}  discovery: ${address(of)}/x`,
          "",
          `${inner}  client_id: cim`,
          `${inner}  scopes:`,
          `${inner}  - email   # last`,
        ],
  });
  const pluginLines: Record<Kind, (string | { block: string[] })[]> = {
    open: [`${own}plugins:`, ...others],
    bare: [],
    empty: [`${own}plugins: # none`],
    "commented out": [`${own}plugins:`, ...commented(shipped, (line) => `#${inner}${line}`), ...others],
    "commented out by an editor": [
      `${own}plugins: # some`,
      ...commented(shipped, (line) => `${inner}${line.replace(/^ */, "$&# ")}`),
      "",
      ...others,
    ],
    "commented out and empty": [`${own}plugins:`, ...commented(shipped, (line) => `#${inner}${line}`)],
    "commented out for another client": [
      `${own}plugins:`,
      ...commented(shipped, (line) => `#${inner}${line}`),
      ...others,
    ],
    ours: [
      `${own}plugins:`,
      { block: [`${inner}openid-connect: ${JSON.stringify(plugins["openid-connect"])}`] },
      ...others,
    ],
    stale: [`${own}plugins:`, block(realm, "stale")],
    "stale, with other plugins around it": [
      `${own}plugins:`,
      ...others,
      block(realm, "stale"),
      `${inner}# c`,
      `${inner}ip: {}`,
    ],
    "another realm's": [`${own}plugins:`, block("tenant 2", "theirs"), ...others],
  };
  return [
    `${" ".repeat(depth)}- id: ${idOf(model, at)}`,
    `${own}uris: ["/{{ .Values.x }}/*"]`,
    `${own}# of the text`,
    ...`${own}desc: ${model.text.replaceAll("\n", `\n${own}`)}`.split("\n"),
    ...pluginLines[kind],
    `${own.slice(0, depth % 3)}# --- next ---`,
  ];
}

const idOf = ({ unsecured }: RouteModel, at: number) => `route-${at}${unsecured ? "-unsecured" : ""}`;

/** Whether a run without --route puts the stack's blocks on this route. */
function isSecured({ kind, unsecured }: RouteModel): boolean {
  return !unsecured && (/^ours|^stale/.test(kind) || (/^commented out/.test(kind) && !/another/.test(kind)));
}

/** The file in pieces: texts that stay, and between them what holds blocks. */
function piecesOf({ plugins, routes, depth, breaks, mark, tail, finalBreak }: FileModel): Piece[] {
  const pieces: Piece[] = [];
  let text = `${mark ? "\uFEFF" : ""}# values`;
  let line = 0;
  const broken = (more: string) => (breaks[line++ % breaks.length] ?? "\n") + more;
  const add = (more: string) => {
    text += broken(more);
  };
  const place = (blocks: string, holds: Plugins) => {
    pieces.push({ text }, { text: blocks, holds });
    text = "";
  };
  add("apisixStandalone:");
  add("  routes:");
  const { "openid-connect": openidConnect, ...further } = plugins;
  routes.forEach((model, at) => {
    const lines = linesOf(model, at, depth + 2, plugins);
    lines.forEach((each, index) => {
      const isBelowPlugins = /^ *plugins:/.test(`${lines[index - 1]}`);
      if (typeof each !== "string") {
        const block = each.block.map(broken).join("");
        const found: Plugins = parse(block);
        const written = isBelowPlugins ? plugins : { "openid-connect": openidConnect ?? {} };
        place(block, isSecured(model) ? written : found);
      } else {
        // Where a route has no live block, or only another one further down.
        if (isBelowPlugins && isSecured(model)) place("", /^commented/.test(model.kind) ? plugins : further);
        add(each);
      }
    });
  });
  for (const each of tail.split("\n")) add(each);
  return [...pieces, { text: finalBreak ? text + broken("") : text }];
}

const textOf = (pieces: readonly Piece[]) => pieces.map(({ text }) => text).join("");

/** @throws Error saying what differs */
function expectSame(what: string, is: unknown, should: unknown): void {
  if (!isDeepStrictEqual(is, should)) {
    throw new Error(`${what}: ${JSON.stringify(is)}, should be ${JSON.stringify(should)}`);
  }
}

/** What is in the text between the pieces that stay. */
function between(text: string, pieces: readonly Piece[]): string[] {
  const found: string[] = [];
  let at = 0;
  pieces.forEach(({ text: stays, holds }, index) => {
    if (holds) return;
    const start = index === pieces.length - 1 ? text.length - stays.length : text.indexOf(stays, at);
    if (start < at || !text.startsWith(stays, start)) {
      throw new Error(`Gone or changed: ${JSON.stringify(stays)}`);
    }
    if (index === 0) expectSame("the start of the first piece", start, 0);
    else found.push(text.slice(at, start));
    at = start + stays.length;
  });
  return found;
}

interface Parsed {
  apisixStandalone: { routes: { id: string; plugins?: Block | null }[] };
}

test("everything but the blocks stays byte for byte, the blocks are the stack's, a second run changes nothing", (t) => {
  fc.assert(
    fc.property(file, (model) => {
      const pieces = piecesOf(model);
      const before = textOf(pieces);
      const written = rewrite(before, model);
      const found = between(written.text, pieces);
      pieces
        .filter(({ holds }) => holds)
        .forEach(({ text, holds }, at) => {
          const now = found[at] ?? "";
          expectSame("a route's blocks", parse(now) ?? {}, holds);
          const was: Plugins = parse(text) ?? {};
          const same = Object.keys(was).every((plugin) => isDeepStrictEqual(was[plugin], holds?.[plugin]));
          if (same) expectSame("blocks that are right already", now.endsWith(text), true);
        });

      const was: Parsed = parse(before);
      const is: Parsed = parse(written.text);
      was.apisixStandalone.routes.forEach((route, at) => {
        const routeModel = model.routes[at];
        if (routeModel && isSecured(routeModel)) route.plugins = { ...route.plugins, ...model.plugins };
      });
      expectSame("the whole file", is, was);
      if (model.breaks.length === 1 && model.breaks[0] === "\r\n") {
        expectSame("line breaks", /[^\r]\n/.test(written.text), false);
      }
      expectSame("a second run", rewrite(written.text, model).text, written.text);
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test("--remove gives back every file that had none of our blocks, and what it leaves is found again", (t) => {
  fc.assert(
    fc.property(file, fc.boolean(), (model, isNamed) => {
      const before = textOf(piecesOf(model));
      const named = isNamed ? model.routes.map(idOf) : [];
      const written = rewrite(before, { ...model, named });
      const removed = rewrite(written.text, { ...model, named, remove: true });
      const emptied = model.routes.some(({ kind }) => kind === "commented out and empty" || kind === "empty");
      if (!isNamed && !emptied && !model.routes.some(({ kind }) => /^ours|^stale/.test(kind))) {
        expectSame("the file", removed.text, before);
      }
      expectSame(
        "a second --remove",
        rewrite(removed.text, { ...model, named, remove: true }).text,
        removed.text,
      );
      const secured = ({ routes }: typeof written) =>
        routes
          .filter(({ state, route }) => state === "secured" && !/unsecured/.test(route))
          .map(({ route }) => route);
      expectSame("the routes that are found again", secured(rewrite(removed.text, model)), secured(written));
    }),
    { numRuns: 100 },
  );
  t.pass();
});
