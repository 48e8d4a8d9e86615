// What `npm start` prints at the end. It never prints a secret.

import path from "node:path";
import { adminPasswordFile, adminUser, basePath } from "../../rig/keycloak/local.ts";
import { root } from "../../rig/machine/folders.ts";

interface Enablement {
  realm: string;
  client: string;
  /** By child, for example `expertflow-user`: did the object exist before? */
  adopted: Record<string, boolean>;
  token: { issuer: string; audiences: string[]; roles: string[] } | null;
}

interface Server {
  /** Without the base path. */
  url: string;
  /** That KEYCLOAK_VERSION asked for: without it, the commands would mean the pinned release's stack. */
  version: string | undefined;
}

export function summary(
  { enablements = {} }: { enablements?: Record<string, Enablement> },
  { url, version }: Server,
): string {
  const npm = version ? `KEYCLOAK_VERSION=${version} npm` : "npm";
  const list = (items: string[]) => items.join(", ") || "nothing";
  const all = Object.values(enablements);
  const realms = all.map(({ realm, client, adopted, token }) => {
    const children = Object.keys(adopted);
    return `
Realm ${realm}, client ${client}
  adopted   ${list(children.filter((child) => adopted[child]))}
  created   ${list(children.filter((child) => !adopted[child]))}
${
  token
    ? `  token     verified: issuer ${token.issuer}
            audiences ${list(token.audiences)}
            roles ${list(token.roles)}`
    : "  token     not verified, because `verifyToken` is false"
}`;
  });
  const consoles = all.map(({ realm }) => `${url}${basePath}/admin/master/console/#/${realm}`);
  return `${realms.join("\n")}

Look around
  console   ${consoles.join("\n            ")}
  log in    as ${adminUser}, with the password in this file:
            cat ${path.relative(root, adminPasswordFile())}
  APISIX    what stands under a route's plugins, with the client's secret:
            ${npm} run --silent pulumi -- stack output apisixCustomValues --stack dev --show-secrets

Try next
  break     ${npm} run break
  see it    ${npm} run drift -- --stack dev
  repair    ${npm} start
  stop      npm stop`;
}
