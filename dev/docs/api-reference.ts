// Writes docs/api.md: what components/index.ts exports, in the words of its doc comments.

import path from "node:path";
import {
  Application,
  type Comment,
  type CommentDisplayPart,
  type DeclarationReflection,
  ReflectionKind,
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
  const parameters = made?.parameters ?? [];
  const call = parameters
    .map(({ name, flags, defaultValue }) => `${name}${flags.isOptional || defaultValue ? "?" : ""}`)
    .join(", ");
  const described = parameters.map(
    ({ name, type, comment }) => `- \`${name}\` (${typeOf(type)}): ${textOf(comment?.summary)}`,
  );
  return [
    `## ${each.name}`,
    textOf(each.comment?.summary),
    tag(each.comment, "@example"),
    `\`new ${each.name}(${call})\``,
    described.join("\n"),
    `Throws ${tag(made?.comment, "@throws")}`,
    tableOf("output", membersOf(each)),
  ];
}

function ofInterface(each: DeclarationReflection): string[] {
  const kind = each.name.endsWith("Args") ? "argument" : "field";
  return [`## ${each.name}`, textOf(each.comment?.summary), tableOf(kind, membersOf(each))];
}

function membersOf(each: DeclarationReflection): DeclarationReflection[] {
  return (each.children ?? []).filter(
    ({ kind, inheritedFrom }) => kind !== ReflectionKind.Constructor && !inheritedFrom,
  );
}

function tableOf(heading: string, members: readonly DeclarationReflection[]): string {
  const rows = members.map(({ name, flags, type, comment }) => {
    // TypeDoc takes every default for code, also one in words.
    const standard = tag(comment, "@default").replace(/^```ts\n(.*)\n```$/s, (_, text: string) =>
      /^[a-z]\S* /i.test(text) ? text : `\`${text}\``,
    );
    const words = [textOf(comment?.summary), standard && `Default: ${standard}.`].filter(Boolean).join(" ");
    return [`\`${name}${flags.isOptional ? "?" : ""}\``, typeOf(type), words];
  });
  const lines = [[heading, "type", "what it is"], ["---", "---", "---"], ...rows];
  return lines.map((cells) => `| ${cells.map(inCell).join(" | ")} |`).join("\n");
}

const inCell = (text: string) => text.replaceAll(/\s*\n\s*/g, " ").replaceAll("|", "\\|");

/** As TypeScript writes it, without Pulumi's module; a link if it is documented here. */
function typeOf(type: DeclarationReflection["type"]): string {
  if (type?.type === "reference" && type.reflection) return `[${type.name}](${anchorOf(type.name)})`;
  return `\`${type?.type === "reflection" ? "object" : type}\``;
}

function anchorOf(name: string): string {
  return `#${name.toLowerCase()}`;
}

function tag(comment: Comment | undefined, name: `@${string}`): string {
  return textOf(comment?.getTag(name)?.content);
}

function headline(comment: Comment | undefined): string {
  return textOf(comment?.summary)
    .replace(/[:.]\s.*/s, "")
    .replace(/\.$/, "");
}

function textOf(parts: readonly CommentDisplayPart[] | undefined): string {
  return (parts ?? [])
    .map((part) => {
      if (part.kind !== "inline-tag") return part.text;
      const [owner = part.text] = part.text.split(".");
      return `[${part.text}](${anchorOf(owner)})`;
    })
    .join("")
    .trim();
}
