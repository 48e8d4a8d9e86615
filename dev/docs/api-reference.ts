// Writes docs/api.md: what components/index.ts exports, in the words of its doc comments.

import path from "node:path";
import {
  Application,
  type Comment,
  type CommentDisplayPart,
  type DeclarationReflection,
  makeRecursiveVisitor,
  ReflectionKind,
  type SomeType,
} from "typedoc";
import { root } from "../../rig/machine/folders.ts";

export const apiFile = path.join(root, "docs", "api.md");

/** The order in which a user reads. */
const order = [
  "ApisixEnablement",
  "ApisixEnablementArgs",
  "ApiUserOfRealm",
  "ApiUser",
  "ApiUserArgs",
  "VerifiedToken",
  "ApisixPlugins",
  "OpenidConnectPlugin",
  "AuthzKeycloakPlugin",
];

/** The whole text of {@link apiFile}. The same sources give the same text. */
export async function apiReference(): Promise<string> {
  const app = await Application.bootstrap({
    entryPoints: [path.join(root, "components", "index.ts")],
    tsconfig: path.join(root, "tsconfig.json"),
    // Inherited members are Pulumi's to document.
    excludeExternals: true,
    excludePrivate: true,
    disableSources: true,
    sort: ["source-order"],
    // Else every default counts as code, also one in words.
    jsDocCompatibility: { defaultTag: false },
    logLevel: "Warn",
  });
  const project = await app.convert();
  if (!project?.children || app.logger.hasErrors()) {
    throw new Error("TypeDoc could not read components/index.ts.");
  }
  const unlisted = project.children.find(({ name }) => !order.includes(name));
  if (unlisted) throw new Error(`dev/docs/api-reference.ts does not say where ${unlisted.name} stands.`);
  const all = project.children.toSorted((one, other) => order.indexOf(one.name) - order.indexOf(other.name));
  const contents = all.map((each) => `- [${each.name}](${anchorOf(each.name)}): ${headline(each.comment)}`);
  return `${[
    '<!-- Made by "npm run docs -- --api" from the doc comments: change those. -->',
    "# keycloak-apisix: API reference",
    contents.join("\n"),
    ...all.flatMap((each) => (each.kind === ReflectionKind.Class ? ofClass(each) : ofInterface(each))),
  ].join("\n\n")}\n`;
}

function ofClass(each: DeclarationReflection): string[] {
  const [made] = each.children?.find(({ kind }) => kind === ReflectionKind.Constructor)?.signatures ?? [];
  const parameters = (made?.parameters ?? []).map(({ name, flags, defaultValue, type, comment }) => ({
    name: `${name}${flags.isOptional || defaultValue ? "?" : ""}`,
    words: `(${typeOf(type)}): ${textOf(comment?.summary)}`,
  }));
  return [
    `## ${each.name}`,
    textOf(each.comment?.summary),
    tag(each.comment, "@example"),
    `\`new ${each.name}(${parameters.map(({ name }) => name).join(", ")})\``,
    parameters.map(({ name, words }) => `- \`${name}\` ${words}`).join("\n"),
    `Throws ${tag(made?.comment, "@throws")}`,
    tableOf("output", each),
  ];
}

function ofInterface(each: DeclarationReflection): string[] {
  const heading = each.name.endsWith("Args") ? "argument" : "field";
  return [`## ${each.name}`, textOf(each.comment?.summary), tableOf(heading, each)];
}

function tableOf(heading: string, each: DeclarationReflection): string {
  const lines = [[heading, "type", "what it is"], ["---", "---", "---"], ...rowsOf(each)];
  return lines.map((cells) => `| ${cells.map(inCell).join(" | ")} |`).join("\n");
}

function rowsOf(each: DeclarationReflection, within = ""): string[][] {
  const members = (each.children ?? []).filter((member) => !member.signatures && !member.inheritedFrom);
  return members.flatMap(({ name, flags, type, comment }) => {
    const standard = tag(comment, "@default").replace(/^(".*"|\w+)$/, "`$1`");
    const words = [textOf(comment?.summary), standard && `Default: ${standard}.`].filter(Boolean).join(" ");
    const row = [`\`${within}${name}${flags.isOptional ? "?" : ""}\``, typeOf(type), words];
    return [row, ...(type?.type === "reflection" ? rowsOf(type.declaration, `${within}${name}.`) : [])];
  });
}

const inCell = (text: string) => text.replaceAll(/\s*\n\s*/g, " ").replaceAll("|", "\\|");

/** As TypeScript writes it, without Pulumi's module; a link if it is documented here, or something in it. */
function typeOf(type: SomeType | undefined): string {
  let documented: string | undefined;
  type?.visit(makeRecursiveVisitor({ reference: ({ reflection }) => (documented ??= reflection?.name) }));
  const text = `\`${type?.type === "reflection" ? "object" : type}\``;
  return documented ? `[${text}](${anchorOf(documented)})` : text;
}

const anchorOf = (name: string) => `#${name.toLowerCase()}`;

const tag = (comment: Comment | undefined, name: `@${string}`) => textOf(comment?.getTag(name)?.content);

/** What stands before the first full stop or colon. */
const headline = (comment: Comment | undefined) => textOf(comment?.summary).replace(/[:.](\s.*)?$/s, "");

function textOf(parts: readonly CommentDisplayPart[] = []): string {
  const link = (target: string) => `[${target}](${anchorOf(target.replace(/\..*/, ""))})`;
  return parts
    .map(({ kind, text }) => (kind === "inline-tag" ? link(text) : text))
    .join("")
    .trim();
}
