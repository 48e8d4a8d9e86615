// What `npm start` prints at the end. It never prints a secret.

interface Enablement {
  realm: string;
  client: string;
  /** By child, for example `expertflow-user`: did the object exist before? */
  adopted: Record<string, boolean>;
  token: { issuer: string; audiences: string[]; roles: string[] } | null;
}

/** @param version that KEYCLOAK_VERSION asked for: without it, the commands would mean the pinned release's stack */
export function summary(
  { enablements = {} }: { enablements?: Record<string, Enablement> },
  version: string | undefined,
): string {
  const npm = version ? `KEYCLOAK_VERSION=${version} npm` : "npm";
  const list = (items: string[]) => items.join(", ") || "nothing";
  const realms = Object.values(enablements).map(({ realm, client, adopted, token }) => {
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
  return `${realms.join("\n")}

The APISIX plugin configuration (openid-connect, with the client's secret):
  ${npm} run --silent pulumi -- stack output apisixYaml --stack dev --show-secrets

Try next
  see drift   ${npm} run drift -- --stack dev
  change      ${npm} run pulumi -- config set customerUsername visitor --stack dev && ${npm} start
  stop        npm stop`;
}
