// An API gateway that is not ours: Apache with mod_auth_openidc as an OAuth 2.0 resource server on 127.0.0.1, and an API
// behind it. All it knows is the `openid-connect` configuration from the stack's outputs.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import getPort from "get-port";
import type { OpenidConnectPlugin } from "../../components/index.ts";
import type { Apache } from "./apache.ts";

/** The plugin's configuration as in the outputs, or with `use_jwks` added. */
export type PluginConfiguration = OpenidConnectPlugin & { readonly use_jwks?: boolean };

export class Gateway {
  readonly #address: string;
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly #api: Server;
  #reached = 0;

  private constructor(address: string, folder: string, process: ChildProcess, api: Server) {
    this.#address = address;
    this.#folder = folder;
    this.#process = process;
    this.#api = api;
    api.on("request", () => {
      this.#reached += 1;
    });
  }

  static async start(apache: Apache, plugin: PluginConfiguration): Promise<Gateway> {
    const folder = await mkdtemp(path.join(tmpdir(), "gateway-"));
    const api = createServer((_, response) => response.end("the API's answer")).listen(0, "127.0.0.1");
    const [port] = await Promise.all([
      getPort({ host: "127.0.0.1" }),
      new Promise((resolve) => api.once("listening", resolve)),
    ]);
    const upstream = `http://127.0.0.1:${(api.address() as AddressInfo).port}/`;
    const configuration = path.join(folder, "apache.conf");
    // The file holds the client's secret.
    const text = await configurationOf(apache, plugin, { folder, port, upstream });
    await writeFile(configuration, text, { mode: 0o600 });
    const child = spawn(apache.program, ["-f", configuration, "-DFOREGROUND"], {
      env: { ...process.env, ...apache.env },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const gateway = new Gateway(`http://127.0.0.1:${port}/`, folder, child, api);
    try {
      await gateway.#ready();
      return gateway;
    } catch (error) {
      await gateway.stop();
      throw error;
    }
  }

  /** Calls the API with this bearer token. */
  async ask(token: string | undefined): Promise<"let in" | "refused"> {
    const before = this.#reached;
    const response = await fetch(this.#address, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
    const text = await response.text();
    const reached = this.#reached - before;
    if (response.status === 200 && reached === 1 && text === "the API's answer") return "let in";
    if ((response.status === 401 || response.status === 403) && reached === 0) return "refused";
    throw new Error(
      `The gateway answered ${response.status}, and ${reached} requests reached the API.\n${await this.#log()}`,
    );
  }

  async stop(): Promise<void> {
    this.#api.closeAllConnections();
    await new Promise((resolve) => this.#api.close(resolve));
    if (this.#process.exitCode === null && this.#process.kill("SIGTERM")) {
      await new Promise((resolve) => this.#process.once("exit", resolve));
    }
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #ready(): Promise<void> {
    const start = Date.now();
    while (!(await fetch(this.#address).catch(() => undefined))) {
      if (this.#process.exitCode !== null || Date.now() - start > 60_000) {
        throw new Error(`Apache did not start.\n${await this.#log()}`);
      }
      await sleep(50);
    }
  }

  #log(): Promise<string> {
    return readFile(path.join(this.#folder, "error.log"), "utf8").catch(() => "");
  }
}

/**
 * Translates the plugin's fields to mod_auth_openidc's, one to one. As in APISIX, addresses and issuer come from the
 * discovery document and from nowhere else.
 */
async function configurationOf(
  { modules }: Apache,
  plugin: PluginConfiguration,
  { folder, port, upstream }: { folder: string; port: number; upstream: string },
): Promise<string> {
  const discovery = (await (await fetch(plugin.discovery)).json()) as { issuer: string; jwks_uri: string };
  const load = ["mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "auth_openidc"];
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
ServerRoot "${folder}"
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
${process.getuid?.() === 0 ? "User www-data\nGroup www-data" : ""}
DefaultRuntimeDir "${folder}"
PidFile "${path.join(folder, "apache.pid")}"
ErrorLog "${path.join(folder, "error.log")}"
${load.map((name) => `LoadModule ${name}_module "${path.join(modules, `mod_${name}.so`)}"`).join("\n")}
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
