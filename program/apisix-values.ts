// The plugin configurations of all realms as CX's Helm values take them: `pulumi stack output apisixCustomValues`.
import * as pulumi from "@pulumi/pulumi";
import { Document } from "yaml";
import type { ApisixPlugins } from "../components/index.ts";

/**
 * For CX's Helm values file `apisix-custom-values.yaml`: each configuration once, for routes to refer to. Secret if one
 * holds a client's secret.
 */
export function apisixCustomValues(
  byRealm: Readonly<Record<string, pulumi.Output<ApisixPlugins>>>,
): pulumi.Output<string> {
  return pulumi.output(byRealm).apply(anchoredBlocks);
}

/**
 * Helm replaces whole lists, so a file with routes would drop all routes of CX. Therefore this text has no routes: it has
 * the anchored blocks of each realm, for the top of the file, and says how a route refers to them.
 */
function anchoredBlocks(all: Readonly<Record<string, ApisixPlugins>>): string {
  const document = new Document({ keycloakApisix: all });
  const references = Object.entries(all).map(([realm, plugins]) =>
    Object.keys(plugins).map((plugin) => {
      const anchor = anchorOf(plugin, realm);
      const block = document.getIn(["keycloakApisix", realm, plugin], true);
      Object.assign(block as object, { anchor });
      return `           ${plugin}: *${anchor}`;
    }),
  );
  document.commentBefore = [
    " For apisix-custom-values.yaml: put this at the top of the file, and refer to it in each route that needs a token:",
    "   apisixStandalone:",
    "     routes:",
    "       - id: …",
    "         plugins:",
    ...references.flat(),
  ].join("\n");
  return document.toString().trimEnd();
}

/** Helm's YAML library allows letters, digits, - and _ in anchors. Different realms never share an anchor. */
function anchorOf(plugin: string, realm: string): string {
  return `${plugin}-${realm.replaceAll(/[^A-Za-z0-9-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`)}`;
}
