// This clone's own Keycloak: from Maven where there is Java, else with Docker. Its data, port and admin password are kept
// in .local/. One of another release, which KEYCLOAK_VERSION asks for, lives beside it, in .local/VERSION/.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import getPort, { portNumbers } from "get-port";
import { exists, local, type Report, readSecret } from "../machine/folders.ts";
import {
  answers,
  cxKeycloakVersion,
  ensureKeycloakDistribution,
  findKeycloak,
  hasKeycloakDistribution,
  keycloakImage,
  keycloakVersion,
  lastKeycloak,
  startKeycloak,
  stopKeycloak,
} from "./server.ts";

export const adminUser = "admin";
export const basePath = "/auth";
export const adminPasswordFile = () => path.join(home(), "admin-password");
export const adminPassword = () => readSecret(adminPasswordFile());

/** The release that KEYCLOAK_VERSION asks for. Default: the pinned one. */
export function localVersion(): string {
  const text = process.env.KEYCLOAK_VERSION;
  if (!text || /^\d+\.\d+\.\d+$/.test(text)) return text || keycloakVersion;
  throw new Error(
    `KEYCLOAK_VERSION is "${text}", which is not a release of Keycloak: set it to one like ${cxKeycloakVersion}, or unset it.`,
  );
}

/**
 * What belongs to that server: its data, and the state of the stacks on it. Releases share neither, because a newer one
 * would migrate an older one's database for good, and a state fits one server only.
 */
export function localFolder(): string {
  const version = localVersion();
  return version === keycloakVersion ? local : path.join(local, version);
}

const homeIn = (folder: string) => path.join(folder, "keycloak");
const home = () => homeIn(localFolder());

/** The homes of all releases that were ever started here. */
async function allHomes(): Promise<string[]> {
  const names = await readdir(local).catch(() => []);
  const homes = [local, ...names.map((name) => path.join(local, name))].map(homeIn);
  const there = await Promise.all(homes.map(exists));
  return homes.filter((_, index) => there[index]);
}

/** The URL where it runs, or will run. */
export async function localKeycloakUrl(): Promise<string> {
  const port = (await findKeycloak(home()))?.port ?? (await lastPort(home())) ?? wantedPort() ?? 8080;
  return `http://localhost:${port}`;
}

/** Starts this clone's Keycloak unless it is running. @returns its URL, without the base path. */
export async function ensureLocalKeycloak(report: Report, signal?: AbortSignal): Promise<string> {
  const version = localVersion();
  const wanted = wantedPort();
  const running = await findKeycloak(home());
  if (running && wanted && running.port !== wanted) {
    report(`Stopping Keycloak on port ${running.port}`);
    await stopKeycloak(home());
  }
  if (await hasJava(version)) {
    await ensureKeycloakDistribution(version, report);
    const port = running && (!wanted || running.port === wanted) ? running.port : await choosePort(wanted);
    const password = await adminPassword();
    const admin = { adminUser, adminPassword: password };
    return (await startKeycloak({ home: home(), version, port, basePath, ...admin, report, signal })).url;
  }
  if (await hasDocker()) return startWithDocker(wanted, report, signal);
  throw new Error(
    "Keycloak needs either Java 17 or newer and Maven, or Docker with Compose: install one of them.",
  );
}

/** Stops every release that runs here. Their data stays. @returns whether one was running. */
export async function stopLocalKeycloaks(): Promise<boolean> {
  let stopped = false;
  for (const each of await allHomes()) {
    if (await stopKeycloak(each)) stopped = true;
    if (await stopDocker(each)) stopped = true;
  }
  return stopped;
}

function wantedPort(): number | undefined {
  const text = process.env.KEYCLOAK_PORT;
  if (!text) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`KEYCLOAK_PORT is "${text}", which is not a port: set it to a number from 1 to 65535.`);
  }
  return port;
}

const lastPort = async (of: string) => (await lastKeycloak(of))?.port ?? (await dockerPort(of));

/**
 * The port asked for; else the last one, so that the address stays; else the first one from 8080 on that is free and not
 * another release's.
 */
async function choosePort(wanted: number | undefined) {
  if (!wanted) {
    const last = await lastPort(home());
    const homes = (await allHomes()).filter((each) => each !== home());
    const ofOthers = (await Promise.all(homes.map(lastPort))).filter((port) => port !== undefined);
    const free = [...portNumbers(8080, 8180)].filter((port) => !ofOthers.includes(port));
    return getPort({ port: [...(last ? [last] : []), ...free] });
  }
  if ((await getPort({ port: wanted })) === wanted) return wanted;
  throw new Error(`Port ${wanted} is taken: set KEYCLOAK_PORT to another one, or unset it.`);
}

/** Is there Java 17 or newer and, until Keycloak has been fetched, Maven? */
async function hasJava(version: string) {
  const java = process.env.JAVA_HOME ? path.join(process.env.JAVA_HOME, "bin", "java") : "java";
  const { failed, stderr } = await execa(java, ["-version"], { stdin: "ignore", reject: false });
  if (failed || Number(/version "(\d+)/.exec(stderr)?.[1]) < 17) return false;
  return (await hasKeycloakDistribution(version)) || succeeds("mvn", ["--version"]);
}

const hasDocker = () => succeeds("docker", ["compose", "version"]);

const composeFile = path.join(import.meta.dirname, "compose.yaml");
const dockerRecord = (of: string) => path.join(of, "docker.json");

async function compose(of: string, args: string[], port: number) {
  // The data is a volume of the Compose project, so each home has a project of its own.
  const project = `keycloak-apisix-${createHash("sha256").update(of).digest("hex").slice(0, 8)}`;
  return execa("docker", ["compose", "--file", composeFile, "--project-name", project, ...args], {
    env: {
      KEYCLOAK_PORT: `${port}`,
      KEYCLOAK_USER: adminUser,
      KEYCLOAK_PASSWORD: await readSecret(path.join(of, "admin-password")),
      KEYCLOAK_IMAGE: `${keycloakImage}:${localVersion()}`,
    },
    stdin: "ignore",
    reject: false,
  });
}

async function startWithDocker(wanted: number | undefined, report: Report, signal?: AbortSignal) {
  const own = home();
  const last = await dockerPort(own);
  const runs = last !== undefined && (await compose(own, ["ps", "--quiet"], last)).stdout !== "";
  const port = runs && (!wanted || wanted === last) ? last : await choosePort(wanted);
  await mkdir(own, { recursive: true, mode: 0o700 });
  await writeFile(dockerRecord(own), JSON.stringify({ port }));
  report(`Starting Keycloak ${localVersion()} with Docker`);
  const { failed, stderr } = await compose(own, ["up", "--detach", "--quiet-pull"], port);
  if (failed) throw new Error(`Docker could not start Keycloak:\n${stderr.trim()}`);
  const url = `http://localhost:${port}`;
  const start = Date.now();
  while (!(await answers(`${url}${basePath}/realms/master`))) {
    if (signal?.aborted || Date.now() - start > 10 * 60_000) {
      const { stdout } = await compose(own, ["logs", "--no-log-prefix", "--tail", "15"], port);
      await stopDocker(own);
      signal?.throwIfAborted();
      throw new Error(`Keycloak was not ready after 10 minutes. Its log ends with:\n${stdout}`);
    }
    await sleep(400);
  }
  return url;
}

async function stopDocker(of: string) {
  const port = await dockerPort(of);
  if (port === undefined || !(await compose(of, ["ps", "--quiet"], port)).stdout) return false;
  const { failed, stderr } = await compose(of, ["down"], port);
  if (failed) throw new Error(`Docker could not stop Keycloak:\n${stderr.trim()}`);
  return true;
}

async function dockerPort(of: string): Promise<number | undefined> {
  const text = await readFile(dockerRecord(of), "utf8").catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text).port;
}

async function succeeds(program: string, args: string[]) {
  return !(await execa(program, args, { stdin: "ignore", reject: false })).failed;
}
