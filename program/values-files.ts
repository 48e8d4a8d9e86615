// The plugin configurations of all realms as texts that a user pipes into a file: `pulumi stack output apisixYaml`.
import * as pulumi from "@pulumi/pulumi";
import { Document, stringify } from "yaml";
import type { OpenidConnectPlugin } from "../components/index.ts";

export interface ApisixTexts {
  /** By realm, what goes under a route's `plugins`. */
  apisixJson: pulumi.Output<string>;
  /** The same as YAML. */
  apisixYaml: pulumi.Output<string>;
  /** For CX's Helm values file `apisix-custom-values.yaml`: each configuration once, for its routes to refer to. */
  apisixCustomValues: pulumi.Output<string>;
}

/** Secret where a configuration holds a client's secret. */
export function apisixTexts(
  byRealm: Readonly<Record<string, pulumi.Output<OpenidConnectPlugin>>>,
): ApisixTexts {
  const plugins = pulumi
    .output(byRealm)
    .apply((all) =>
      Object.fromEntries(
        Object.entries(all).map(([realm, plugin]) => [realm, { "openid-connect": plugin }] as const),
      ),
    );
  return {
    apisixJson: plugins.apply((all) => JSON.stringify(all, null, 2)),
    // Without the line break at the end, which the CLI adds.
    apisixYaml: plugins.apply((all) => stringify(all).trimEnd()),
    apisixCustomValues: plugins.apply(customValues),
  };
}

/**
 * Helm replaces lists as a whole, so a file with routes of its own would throw away those of CX. Hence no routes here,
 * but one anchored block a realm, on top of the file, and a reference to it in each route.
 */
function customValues(all: Record<string, { "openid-connect": OpenidConnectPlugin }>): string {
  const document = new Document({
    keycloakApisix: Object.fromEntries(
      Object.entries(all).map(([realm, plugins]) => [realm, plugins["openid-connect"]]),
    ),
  });
  const anchors = Object.keys(all).map((realm) => {
    const anchor = anchorOf(realm);
    const block = document.getIn(["keycloakApisix", realm], true);
    Object.assign(block as object, { anchor });
    return anchor;
  });
  document.commentBefore = [
    " For apisix-custom-values.yaml: put this on top of the file, and name it in each route that shall ask for a token:",
    "   apisixStandalone:",
    "     routes:",
    "       - id: …",
    "         plugins:",
    ...anchors.map((anchor) => `           openid-connect: *${anchor}`),
  ].join("\n");
  return document.toString().trimEnd();
}

/** Anchors of Helm's YAML library hold letters, digits, - and _ only; realms of different names never share one. */
function anchorOf(realm: string): string {
  return `realm-${realm.replaceAll(/[^A-Za-z0-9-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`)}`;
}
