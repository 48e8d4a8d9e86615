// An API gateway that is not ours: Apache with mod_auth_openidc as an OAuth 2.0 resource server on 127.0.0.1, and an API
// behind it. All it knows is the `openid-connect` configuration from the stack's outputs.
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { OpenidConnectPlugin } from "../../components/index.ts";
import { type Apache, RunningApache } from "./apache.ts";

/** The plugin's configuration as in the outputs, or with `use_jwks` added. */
export type PluginConfiguration = OpenidConnectPlugin & { readonly use_jwks?: boolean };

export class Gateway {
  readonly #apache: RunningApache;
  readonly #api: Server;
  #reached = 0;

  private constructor(apache: RunningApache, api: Server) {
    this.#apache = apache;
    this.#api = api;
    api.on("request", () => {
      this.#reached += 1;
    });
  }

  static async start(apache: Apache, plugin: PluginConfiguration): Promise<Gateway> {
    const api = createServer((_, response) => response.end("the API's answer")).listen(0, "127.0.0.1");
    await new Promise((resolve) => api.once("listening", resolve));
    const upstream = `http://127.0.0.1:${(api.address() as AddressInfo).port}/`;
    try {
      const running = await RunningApache.start(apache, ["authz_user", "auth_openidc"], (folder) =>
        configurationOf(plugin, folder, upstream),
      );
      return new Gateway(running, api);
    } catch (error) {
      api.close();
      throw error;
    }
  }

  /** Calls the API with this bearer token. */
  async ask(token: string | undefined): Promise<"let in" | "refused"> {
    const before = this.#reached;
    const response = await fetch(`http://127.0.0.1:${this.#apache.port}/`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
    const text = await response.text();
    const reached = this.#reached - before;
    if (response.status === 200 && reached === 1 && text === "the API's answer") return "let in";
    if ((response.status === 401 || response.status === 403) && reached === 0) return "refused";
    throw new Error(
      `The gateway answered ${response.status}, and ${reached} requests reached the API.\n${await this.#apache.log()}`,
    );
  }

  async stop(): Promise<void> {
    this.#api.closeAllConnections();
    await new Promise((resolve) => this.#api.close(resolve));
    await this.#apache.stop();
  }
}

/**
 * Translates the plugin's fields to mod_auth_openidc's, one to one. As in APISIX, addresses and issuer come from the
 * discovery document and from nowhere else.
 */
async function configurationOf(
  plugin: PluginConfiguration,
  folder: string,
  upstream: string,
): Promise<string> {
  const discovery = (await (await fetch(plugin.discovery)).json()) as { issuer: string; jwks_uri: string };
  const validation = plugin.use_jwks
    ? [`OIDCOAuthVerifyCertFiles ${(await keyFiles(discovery.jwks_uri, folder)).join(" ")}`]
    : [
        `OIDCOAuthServerMetadataURL "${plugin.discovery}"`,
        `OIDCOAuthClientID "${plugin.client_id}"`,
        `OIDCOAuthClientSecret "${plugin.client_secret}"`,
      ];
  const required = [
    "valid-user",
    ...plugin.required_scopes.map((scope) => `claim "scope~(^| )${scope}( |$)"`),
    ...(plugin.claim_validator.audience.match_with_client_id ? [`claim "aud:${plugin.client_id}"`] : []),
    ...(plugin.use_jwks ? [`claim "iss:${discovery.issuer}"`] : []),
  ];
  return `
${validation.join("\n")}
OIDCOAuthRemoteUserClaim preferred_username
<Location "/">
  AuthType oauth20
  <RequireAll>
${required.map((requirement) => `    Require ${requirement}`).join("\n")}
  </RequireAll>
  ProxyPass "${upstream}"
</Location>
`;
}

/** The realm's keys as files, because mod_auth_openidc fetches keys over HTTPS only. */
async function keyFiles(jwksUri: string, folder: string): Promise<string[]> {
  const { keys } = (await (await fetch(jwksUri)).json()) as {
    keys: { kid: string; use: string; x5c: [string] }[];
  };
  return Promise.all(
    keys
      .filter(({ use }) => use === "sig")
      .map(async ({ kid, x5c: [certificate] }) => {
        const file = path.join(folder, `${kid}.pem`);
        await writeFile(file, `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`);
        return `"${kid}#${file}"`;
      }),
  );
}
