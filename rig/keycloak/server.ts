// Starts and stops a real Keycloak, for the local environment and for the tests. It comes from Maven and listens on this
// machine only: in dev mode with its embedded database, or in production mode where a test asks for it.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cp, mkdir, open, readFile, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import getPort from "get-port";
import { lt } from "semver";
import { cache, exists, fillOnce, type Report } from "../machine/folders.ts";
import { endProcesses, listProcesses } from "../machine/processes.ts";
import { fetchFromMaven } from "../packages/maven.ts";
import { digests } from "./digests.ts";

const image = /KEYCLOAK_IMAGE:-(\S+):([\d.]+)\}/.exec(
  readFileSync(path.join(import.meta.dirname, "compose.yaml"), "utf8"),
);
export const keycloakImage = image?.[1] as string;
/** The release that `npm start` and the tests run, as compose.yaml names it. */
export const keycloakVersion = image?.[2] as string;

/** CX ships 19.0.2. Maven Central has no such release, so the one before stands for it. */
export const cxKeycloakVersion = "19.0.1";

/**
 * Fetches Keycloak's own distribution with Maven, once per machine; only then it needs `mvn`.
 * @returns the folder, which must stay unchanged
 */
export async function ensureKeycloakDistribution(
  version = keycloakVersion,
  report: Report = () => {},
): Promise<string> {
  const folder = distributionOf(version);
  await fillOnce(folder, isDistribution, async (fresh) => {
    report(`Fetching Keycloak ${version} with Maven`);
    const artifact = `org.keycloak:keycloak-quarkus-dist:${version}:zip`;
    const work = `${fresh}.zip`;
    await mkdir(work);
    await fetchFromMaven("unpack", artifact, work, digests[version]);
    await rm(fresh, { recursive: true });
    await rename(path.join(work, `keycloak-${version}`), fresh);
  });
  return folder;
}

export const hasKeycloakDistribution = (version = keycloakVersion) => isDistribution(distributionOf(version));

const distributionOf = (version: string) => path.join(cache, `keycloak-${version}`);
const isDistribution = (folder: string) => exists(path.join(folder, "bin", "kc.sh"));

export interface KeycloakOptions {
  /** The instance's own folder: program, data, log. */
  home: string;
  adminUser: string;
  adminPassword: string;
  /** Default: {@link keycloakVersion}. docs/versions.md lists others that are known to start. */
  version?: string;
  /** Default: any free port. */
  port?: number;
  /** Default: `/auth`. */
  basePath?: string;
  /** Options of `kc.sh start-dev`, or of `start`. */
  extraArgs?: string[];
  /**
   * Options of `kc.sh build`. If given, Keycloak runs in production mode: `port` is the HTTPS port, and `extraArgs` name
   * certificate, hostname and database. Keycloak 26.2 or newer.
   */
  productionBuild?: string[];
  env?: Record<string, string>;
  report?: Report;
  /** When aborted, a server that is not ready yet is stopped. */
  signal?: AbortSignal;
}

/**
 * `env` for a server that lives for minutes. Parallel compilation and garbage collection cost such a server more than they
 * gain, and so do strong password hashes: with these settings it needs half the processor time.
 */
export const shortLived = {
  KC_SPI_PASSWORD_HASHING__ARGON2__ITERATIONS: "1",
  KC_SPI_PASSWORD_HASHING__ARGON2__MEMORY: "8",
  JAVA_OPTS_APPEND: [
    "-XX:+IgnoreUnrecognizedVMOptions",
    // Which of these Keycloak chooses depends on its release.
    "-XX:-UseG1GC",
    "-XX:-UseParallelGC",
    "-XX:+UseSerialGC",
    // Only code that runs very often, such as RSA arithmetic, is worth the second compiler.
    "-XX:Tier4InvocationThreshold=60000",
    "-XX:Tier4MinInvocationThreshold=12000",
    "-XX:Tier4CompileThreshold=200000",
    "-XX:Tier4BackEdgeThreshold=800000",
  ].join(" "),
};

export interface RunningKeycloak {
  /** Without the base path. */
  url: string;
  basePath: string;
  port: number;
  pid: number;
  version: string;
  logFile: string;
  /** A URL that answers as soon as the server is ready. Default: realm `master`. */
  probe?: string;
}

/** Milliseconds; ten times what a slow machine needed. */
const startLimit = 10 * 60 * 1000;

/**
 * Starts a Keycloak in `home`, unless one is running there, and waits until it answers. It outlives this process until
 * {@link stopKeycloak} stops it. The data in `home` stays.
 */
export async function startKeycloak(given: KeycloakOptions): Promise<RunningKeycloak> {
  const { version = keycloakVersion, basePath = "/auth", extraArgs = [] } = given;
  const options = { ...given, version, basePath, extraArgs };
  await mkdir(options.home, { recursive: true, mode: 0o700 });
  const home = await realpath(options.home);
  const found = await findKeycloak(home);
  if (found) {
    await waitUntilReady(home, found, options.signal);
    return found;
  }
  try {
    const running = await launch(home, options);
    await waitUntilReady(home, running, options.signal);
    await shareBuild(home, options);
    return running;
  } catch (error) {
    await stopKeycloak(home);
    throw error;
  }
}

type Options = KeycloakOptions & Required<Pick<KeycloakOptions, "version" | "basePath" | "extraArgs">>;

async function launch(home: string, options: Options): Promise<RunningKeycloak> {
  const { version, basePath, extraArgs, productionBuild, report } = options;
  const server = serverOf(home, version);
  const distribution = await ensureKeycloakDistribution(version, report);
  report?.(`Starting Keycloak ${version}`);
  await fillOnce(server, isDistribution, async (fresh) => {
    await cp(distribution, fresh, { recursive: true });
    const build = sharedBuild(options);
    if (await exists(build)) await cp(build, path.join(fresh, "lib", "quarkus"), { recursive: true });
    else if (options.productionBuild) await buildForProduction(fresh, options);
    // The data outlives a change of version.
    await mkdir(path.join(home, "data"), { recursive: true });
    await symlink(path.join("..", "data"), path.join(fresh, "data"));
  });
  options.signal?.throwIfAborted();

  const port = options.port ?? (await getPort());
  const { mode, url, probe } = productionBuild
    ? await productionMode(port, basePath)
    : devMode(port, basePath);
  const logFile = path.join(home, "keycloak.log");
  const log = await open(logFile, "w", 0o600);
  const child = spawn(path.join(server, "bin", "kc.sh"), [...mode, ...extraArgs], {
    cwd: home,
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
    env: serverEnvironment(options),
  });
  await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  await log.close();
  child.unref();
  const running = { url, basePath, port, pid: child.pid as number, version, logFile, probe };
  await writeFile(recordOf(home), JSON.stringify(running, null, 2));
  return running;
}

function devMode(port: number, basePath: string) {
  return {
    url: `http://localhost:${port}`,
    mode: [
      "start-dev",
      "--http-host=127.0.0.1",
      `--http-port=${port}`,
      `--http-relative-path=${basePath || "/"}`,
    ],
    probe: undefined,
  };
}

/** The management interface says over HTTP when the server is ready, so no caller has to trust its certificate. */
async function productionMode(port: number, basePath: string) {
  const management = await getPort();
  return {
    url: `https://localhost:${port}`,
    mode: [
      "start",
      "--optimized",
      "--http-host=127.0.0.1",
      `--https-port=${port}`,
      "--http-management-host=127.0.0.1",
      `--http-management-port=${management}`,
      "--http-management-scheme=http",
    ],
    probe: `http://localhost:${management}${basePath}/health/ready`,
  };
}

async function buildForProduction(server: string, { basePath, productionBuild = [] }: Options) {
  const options = ["--health-enabled=true", `--http-relative-path=${basePath || "/"}`, ...productionBuild];
  const { failed, all } = await execa(path.join(server, "bin", "kc.sh"), ["build", ...options], {
    all: true,
    stdin: "ignore",
    reject: false,
  });
  if (failed) throw new Error(`Keycloak could not be built for production:\n${tail(all, 15)}`);
}

/**
 * Half the time of a first start goes into Keycloak's build for the given options. All instances share that build;
 * Keycloak builds again by itself if it does not fit.
 */
async function shareBuild(home: string, options: Options) {
  await fillOnce(sharedBuild(options), exists, (fresh) =>
    cp(path.join(serverOf(home, options.version), "lib", "quarkus"), fresh, { recursive: true }),
  );
}

function sharedBuild({ version, basePath, extraArgs, productionBuild }: Options) {
  const hash = createHash("sha256").update(JSON.stringify([basePath, productionBuild ?? extraArgs]));
  const mode = productionBuild ? "production" : "dev";
  return path.join(cache, `keycloak-${version}-${mode}-${hash.digest("hex").slice(0, 8)}`);
}

const serverOf = (home: string, version: string) => path.join(home, `server-${version}`);

function serverEnvironment({ version, adminUser, adminPassword, env }: Options) {
  // Variables of another Keycloak in the caller's shell are not meant for this one.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(KC|KEYCLOAK|QUARKUS)_/.test(name));
  const prefix = lt(version, "26.0.0") ? "KEYCLOAK_ADMIN" : "KC_BOOTSTRAP_ADMIN_USERNAME";
  const password = lt(version, "26.0.0") ? "KEYCLOAK_ADMIN_PASSWORD" : "KC_BOOTSTRAP_ADMIN_PASSWORD";
  return { ...Object.fromEntries(inherited), [prefix]: adminUser, [password]: adminPassword, ...env };
}

async function waitUntilReady(
  home: string,
  { url, basePath, version, logFile, probe = `${url}${basePath}/realms/master` }: RunningKeycloak,
  signal?: AbortSignal,
) {
  const start = Date.now();
  // An answer alone proves nothing: another program may have taken the port while ours was starting.
  while (!(await listens(logFile)) || !(await answers(probe))) {
    signal?.throwIfAborted();
    const ended = !(await findKeycloak(home));
    if (!ended && Date.now() - start < startLimit) {
      await sleep(400);
      continue;
    }
    const problem = ended
      ? "ended before it was ready"
      : `was not ready after ${startLimit / 60_000} minutes`;
    throw new Error(
      `Keycloak ${version} ${problem}. Its log, ${logFile}, ends with:\n${tail(await readFile(logFile, "utf8"), 15)}`,
    );
  }
}

/** Does the log say that the server listens? */
const listens = async (logFile: string) =>
  /Listening on: /.test(await readFile(logFile, "utf8").catch(() => ""));

/** The Keycloak that was started in `home` and is still running, ready or not. */
export async function findKeycloak(home: string): Promise<RunningKeycloak | undefined> {
  const last = await lastKeycloak(home);
  return last && (await processesOf(home, last.pid)).length > 0 ? last : undefined;
}

/** The Keycloak that was last started in `home`, running or not. */
export async function lastKeycloak(home: string): Promise<RunningKeycloak | undefined> {
  const text = await readFile(recordOf(home), "utf8").catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

/** Stops the Keycloak of `home` and waits until it has ended. @returns whether one was running. */
export async function stopKeycloak(home: string): Promise<boolean> {
  const last = await lastKeycloak(home);
  return last !== undefined && (await endProcesses(() => processesOf(home, last.pid))) > 0;
}

/** The recorded pid may belong to another program by now: only what was started from this folder is ours. */
async function processesOf(home: string, group: number) {
  const program = path.join(await realpath(home), `server-`);
  return (await listProcesses()).filter(
    (process) => process.group === group && process.command.includes(program),
  );
}

const recordOf = (home: string) => path.join(home, "server.json");

/** Does a GET request to this URL succeed? */
export async function answers(url: string) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

const tail = (text: string, lines: number) => text.trim().split("\n").slice(-lines).join("\n");
