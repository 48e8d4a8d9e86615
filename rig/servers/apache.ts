// Fetches Apache with mod_auth_openidc from Debian's packages, and runs it: a real resource server for the gateway tests,
// and a real proxy that asks for a client's certificate.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import getPort from "get-port";
import { exists, type Report } from "../machine/folders.ts";
import { ensureDebianPackages, librariesOf } from "../packages/debian.ts";

export interface Apache {
  readonly program: string;
  /** Folder of the modules. */
  readonly modules: string;
  /** The environment in which the program finds its libraries. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Fetches Apache, once per machine.
 * @throws Error saying why it cannot be fetched here
 */
export async function ensureApache(report?: Report): Promise<Apache> {
  const folder = await ensureDebianPackages({
    name: "apache",
    packages: ["apache2-bin", "libapache2-mod-auth-openidc"],
    isComplete,
    report,
  });
  return { program: programIn(folder), modules: modulesIn(folder), env: await librariesOf(folder) };
}

const programIn = (folder: string) => path.join(folder, "usr", "sbin", "apache2");
const modulesIn = (folder: string) => path.join(folder, "usr", "lib", "apache2", "modules");

const isComplete = async (folder: string) =>
  (await exists(programIn(folder))) && (await exists(path.join(modulesIn(folder), "mod_auth_openidc.so")));

/** An Apache on 127.0.0.1. */
export class RunningApache {
  readonly port: number;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(port: number, folder: string, process: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#process = process;
  }

  /**
   * @param modules names of the modules that the directives need, besides the basic ones
   * @param directives are written for this folder, which ends with the server
   */
  static async start(
    { program, modules: installed, env }: Apache,
    modules: readonly string[],
    directives: (folder: string) => string | Promise<string>,
  ): Promise<RunningApache> {
    const folder = await mkdtemp(path.join(tmpdir(), "apache-"));
    const port = await getPort({ host: "127.0.0.1" });
    const configuration = path.join(folder, "apache.conf");
    const load = ["mpm_event", "authn_core", "authz_core", "proxy", "proxy_http", ...modules];
    const text = `
ServerRoot "${folder}"
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
${process.getuid?.() === 0 ? "User www-data\nGroup www-data" : ""}
DefaultRuntimeDir "${folder}"
PidFile "${path.join(folder, "apache.pid")}"
ErrorLog "${path.join(folder, "error.log")}"
${load.map((name) => `LoadModule ${name}_module "${path.join(installed, `mod_${name}.so`)}"`).join("\n")}
${await directives(folder)}`;
    // The file may hold a client's secret.
    await writeFile(configuration, text, { mode: 0o600 });
    const child = spawn(program, ["-f", configuration, "-DFOREGROUND"], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const apache = new RunningApache(port, folder, child);
    try {
      await apache.#ready();
      return apache;
    } catch (error) {
      await apache.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.kill("SIGTERM")) {
      await new Promise((resolve) => this.#process.once("exit", resolve));
    }
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  log(): Promise<string> {
    return readFile(path.join(this.#folder, "error.log"), "utf8").catch(() => "");
  }

  async #ready(): Promise<void> {
    const start = Date.now();
    while (!(await this.#listens())) {
      if (this.#process.exitCode !== null || Date.now() - start > 60_000) {
        throw new Error(`Apache did not start.\n${await this.log()}`);
      }
      await sleep(50);
    }
  }

  #listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
  }
}
