// The same work with keycloak-config-cli, if its jar is given. It looks at everything each time (no cache by checksum), and
// removes nothing that is not in its files.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { server } from "../../rig/keycloak/realm.ts";
import { customer } from "../realms.ts";
import type { Command, Contestant } from "./contestant.ts";

const given = process.env.KEYCLOAK_CONFIG_CLI_JAR;
export const configCliJar = given ? path.resolve(given) : undefined;
/** The Java that Keycloak itself runs on. The jar of 6.5 needs Java 21. */
export const java = process.env.JAVA_HOME ? path.join(process.env.JAVA_HOME, "bin", "java") : "java";

export const configCli: Contestant = {
  name: "config-cli",
  title: "keycloak-config-cli",
  role: "peer",
  works: true,
  absent: () => (configCliJar ? undefined : "KEYCLOAK_CONFIG_CLI_JAR does not name its jar"),
  rounds: (realms) => (realms <= 10 ? Number.POSITIVE_INFINITY : 1),
  async prepare({ realms, folder }) {
    const files = path.join(folder, "realms");
    await mkdir(files);
    for (const { name } of realms.all)
      await writeFile(path.join(files, `${name}.json`), JSON.stringify(realmFile(name), null, 2));
    const settings = {
      "keycloak.url": server.address,
      "keycloak.user": server.username,
      "import.files.locations": path.join(files, "*.json"),
      "import.cache.enabled": "false",
      "import.remote-state.enabled": "false",
      ...Object.fromEntries(
        ["client", "role", "client-scope", "group", "required-action", "identity-provider", "component"].map(
          (kind) => [`import.managed.${kind}`, "no-delete"],
        ),
      ),
    };
    const command: Command = {
      program: java,
      args: [
        "-jar",
        configCliJar ?? "",
        ...Object.entries(settings).map(([key, value]) => `--${key}=${value}`),
      ],
      cwd: folder,
      env: { KEYCLOAK_PASSWORD: server.password },
    };
    return { commands: { fresh: command, again: command } };
  },
};

function realmFile(realm: string) {
  return {
    realm,
    clients: [
      {
        clientId: "cim",
        protocolMappers: [
          {
            name: "fix-audience",
            protocol: "openid-connect",
            protocolMapper: "oidc-audience-mapper",
            config: {
              "included.client.audience": "cim",
              "id.token.claim": "true",
              "access.token.claim": "true",
              "introspection.token.claim": "true",
            },
          },
        ],
      },
    ],
    roles: { realm: [{ name: "customer" }] },
    users: [
      {
        username: "customer",
        enabled: true,
        emailVerified: true,
        ...customer.profile,
        credentials: [{ type: "password", value: customer.password, temporary: false }],
        realmRoles: ["customer", "offline_access", "uma_authorization"],
      },
    ],
  };
}
