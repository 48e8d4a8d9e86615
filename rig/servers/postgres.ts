// A PostgreSQL server for one test: the machine's own programs or Debian's packages, with data in a temporary folder, with
// TLS and passwords, reachable from this machine only.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, chown, cp, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Options as ExecaOptions, execa } from "execa";
import getPort from "get-port";
import { exists } from "../machine/folders.ts";
import { ensureDebianPackages, librariesOf } from "../packages/debian.ts";
import type { Authority } from "./authority.ts";

interface Programs {
  readonly bin: string;
  readonly env: Readonly<Record<string, string>>;
}

const superuser = "postgres";

export class Postgres {
  readonly port: number;
  readonly folder: string;
  readonly password: string;
  readonly #programs: Programs;
  readonly #server: ChildProcess;

  private constructor(
    folder: string,
    port: number,
    password: string,
    programs: Programs,
    server: ChildProcess,
  ) {
    this.folder = folder;
    this.port = port;
    this.password = password;
    this.#programs = programs;
    this.#server = server;
  }

  /** Starts a server, and waits until it answers. */
  static async start(authority: Authority): Promise<Postgres> {
    const owner = await unprivileged();
    const folder = await mkdtemp(path.join(tmpdir(), "postgres-"));
    const programs = await findPrograms(owner && path.join(folder, "programs"));
    const password = randomBytes(12).toString("hex");
    const { key, cert } = await authority.issue("localhost");
    const file = async (name: string, text: string) => {
      await writeFile(path.join(folder, name), text, { mode: 0o600 });
      if (owner) await chown(path.join(folder, name), owner.uid, owner.gid);
      return path.join(folder, name);
    };
    if (owner) {
      // The server's user needs a way to this folder, through that of the whole test run.
      await chmod(tmpdir(), 0o711);
      await chown(folder, owner.uid, owner.gid);
    }
    const env = { ...programs.env, LC_ALL: "C" };
    const options = { ...owner, cwd: folder, env } satisfies ExecaOptions;
    const data = path.join(folder, "data");
    const passwordFile = await file("password", password);
    await execa(
      path.join(programs.bin, "initdb"),
      [
        "--auth=scram-sha-256",
        `--username=${superuser}`,
        `--pwfile=${passwordFile}`,
        "--encoding=UTF8",
        "--no-sync",
        "-D",
        data,
      ],
      { ...options, stdin: "ignore" },
    );
    const port = await getPort();
    const settings = {
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      ssl: "on",
      ssl_cert_file: await file("server.pem", cert),
      ssl_key_file: await file("server.key", key),
      // Data that a crash of the machine loses is not missed.
      fsync: "off",
    };
    const server = spawn(
      path.join(programs.bin, "postgres"),
      [
        "-D",
        data,
        "-p",
        `${port}`,
        ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      { ...options, env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] },
    );
    let said = "";
    server.stderr?.on("data", (chunk) => {
      said = `${said}${chunk}`.slice(-2000);
    });
    const postgres = new Postgres(folder, port, password, programs, server);
    while (!(await postgres.query("SELECT 1").catch(() => undefined))) {
      if (server.exitCode !== null) throw new Error(`PostgreSQL ended before it was ready:\n${said}`);
      await sleep(200);
    }
    return postgres;
  }

  /** Runs SQL. @returns the output of `psql`, unaligned and without headers. */
  async query(sql: string, database = "postgres"): Promise<string> {
    const { stdout } = await execa(
      path.join(this.#programs.bin, "psql"),
      ["--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql],
      {
        stdin: "ignore",
        env: {
          ...this.#programs.env,
          PGHOST: "127.0.0.1",
          PGPORT: `${this.port}`,
          PGUSER: superuser,
          PGPASSWORD: this.password,
        },
      },
    );
    return stdout;
  }

  /** Creates a database and its owner, a user of the same name without other rights. @returns the user's password. */
  async createDatabase(name: string): Promise<string> {
    const password = randomBytes(12).toString("hex");
    await this.query(`CREATE ROLE ${name} LOGIN PASSWORD '${password}'`);
    await this.query(`CREATE DATABASE ${name} OWNER ${name}`);
    return password;
  }

  async stop(): Promise<void> {
    if (this.#server.exitCode !== null) return;
    const end = once(this.#server, "exit");
    // PostgreSQL's "fast shutdown", which waits for no client.
    this.#server.kill("SIGINT");
    await end;
  }
}

const installed = "/usr/lib/postgresql";

/** @param reachable where to copy unpacked programs, because user `nobody` has no access to root's cache */
async function findPrograms(reachable: string | undefined): Promise<Programs> {
  const here = await findBin(installed);
  if (here) return { bin: here, env: {} };
  const unpacked = await ensureDebianPackages({
    name: "postgresql",
    packages: ["^postgresql-[0-9]*$", "^postgresql-client-[0-9]*$"],
    isComplete: async (where) => (await findBin(path.join(where, installed))) !== undefined,
  });
  if (reachable) await cp(unpacked, reachable, { recursive: true });
  const folder = reachable ?? unpacked;
  return {
    bin: (await findBin(path.join(folder, installed))) as string,
    env: await librariesOf(folder),
  };
}

/** The programs of the newest version that is complete. */
async function findBin(versions: string): Promise<string | undefined> {
  const found = await readdir(versions).catch(() => []);
  for (const version of found.toSorted((a, b) => Number(b) - Number(a))) {
    const bin = path.join(versions, version, "bin");
    const all = await Promise.all(["initdb", "postgres", "psql"].map((name) => exists(path.join(bin, name))));
    if (!all.includes(false)) return bin;
  }
  return undefined;
}

/** PostgreSQL refuses to run as root, so it runs as user `nobody` then. */
async function unprivileged(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = await readFile("/etc/passwd", "utf8");
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(users) ?? [];
  if (!uid || !gid) throw new Error("PostgreSQL does not run as root, and there is no user 'nobody'.");
  return { uid: Number(uid), gid: Number(gid) };
}
