// Writes docs/api.md: what components/index.ts exports, in the words of its doc comments.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Application, type TypeDocOptions } from "typedoc";
import type { PluginOptions } from "typedoc-plugin-markdown";
import { root } from "../../rig/machine/folders.ts";

export const apiFile = path.join(root, "docs", "api.md");

/** The whole text of {@link apiFile}. The same sources give the same text. */
export async function apiReference(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "keycloak-apisix-api-"));
  try {
    const options: Partial<TypeDocOptions & PluginOptions> = {
      entryPoints: [path.join(root, "components", "index.ts")],
      tsconfig: path.join(root, "tsconfig.json"),
      plugin: ["typedoc-plugin-markdown"],
      name: "keycloak-apisix: API reference",
      readme: "none",
      // Links to sources would name a commit; inherited members are Pulumi's to document.
      disableSources: true,
      excludeExternals: true,
      excludePrivate: true,
      sort: ["source-order"],
      outputs: [{ name: "markdown", path: folder }],
      router: "module",
      entryFileName: "api",
      hidePageHeader: true,
      hideBreadcrumbs: true,
      hideGroupHeadings: true,
      useCodeBlocks: true,
      interfacePropertiesFormat: "table",
      classPropertiesFormat: "table",
      parametersFormat: "table",
      tableColumnSettings: {
        hideDefaults: false,
        hideInherited: true,
        hideModifiers: true,
        hideOverrides: true,
        hideSources: true,
      },
      logLevel: "Warn",
    };
    const app = await Application.bootstrapWithPlugins(options);
    const project = await app.convert();
    if (!project || app.logger.hasErrors()) throw new Error("TypeDoc could not read components/index.ts.");
    await app.generateOutputs(project);
    const text = await readFile(path.join(folder, "api.md"), "utf8");
    return `<!-- Made by "npm run docs -- --api" from the doc comments: change those. -->\n\n${text}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
