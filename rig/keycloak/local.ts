// This clone's own Keycloak: from Maven where there is Java, else with Docker. Its data, port and admin password are kept
// in .local/.

import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import getPort, { portNumbers } from "get-port";
import { local, type Report, readSecret, root } from "../machine/folders.ts";
import {
  answers,
  ensureKeycloakDistribution,
  findKeycloak,
  hasKeycloakDistribution,
  keycloakVersion,
  lastKeycloak,
  startKeycloak,
  stopKeycloak,
} from "./server.ts";

export const adminUser = "admin";
export const basePath = "/auth";
export const adminPassword = () => readSecret(path.join(home, "admin-password"));

const home = path.join(local, "keycloak");
const dockerRecord = path.join(home, "docker.json");

/** The URL where it runs, or will run. */
export async function localKeycloakUrl(): Promise<string> {
  const port = (await findKeycloak(home))?.port ?? (await lastPort()) ?? wantedPort() ?? 8080;
  return `http://localhost:${port}`;
}

/** Starts this clone's Keycloak unless it is running. @returns its URL, without the base path. */
export async function ensureLocalKeycloak(report: Report, signal?: AbortSignal): Promise<string> {
  const wanted = wantedPort();
  const running = await findKeycloak(home);
  if (running && wanted && running.port !== wanted) {
    report(`Stopping Keycloak on port ${running.port}`);
    await stopKeycloak(home);
  }
  if (await hasJava()) {
    await ensureKeycloakDistribution(keycloakVersion, report);
    const port = running && (!wanted || running.port === wanted) ? running.port : await choosePort(wanted);
    const password = await adminPassword();
    const options = { home, port, basePath, adminUser, adminPassword: password, report, signal };
    return (await startKeycloak(options)).url;
  }
  if (await hasDocker()) return startWithDocker(wanted, report, signal);
  throw new Error(
    "Keycloak needs either Java 17 or newer and Maven, or Docker with Compose: install one of them.",
  );
}

/** @returns whether one was running. Its data stays. */
export async function stopLocalKeycloak(): Promise<boolean> {
  const stopped = await stopKeycloak(home);
  return (await stopDocker()) || stopped;
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

const lastPort = async () => (await lastKeycloak(home))?.port ?? (await dockerPort());

/** The port asked for; else the last one, so that the address stays; else the first free one from 8080 on. */
async function choosePort(wanted: number | undefined) {
  if (!wanted) {
    const last = await lastPort();
    return getPort({ port: [...(last ? [last] : []), ...portNumbers(8080, 8180)] });
  }
  if ((await getPort({ port: wanted })) === wanted) return wanted;
  throw new Error(`Port ${wanted} is taken: set KEYCLOAK_PORT to another one, or unset it.`);
}

/** Is there Java 17 or newer and, until Keycloak has been fetched, Maven? */
async function hasJava() {
  const java = process.env.JAVA_HOME ? path.join(process.env.JAVA_HOME, "bin", "java") : "java";
  const { failed, stderr } = await execa(java, ["-version"], { stdin: "ignore", reject: false });
  if (failed || Number(/version "(\d+)/.exec(stderr)?.[1]) < 17) return false;
  return (await hasKeycloakDistribution()) || succeeds("mvn", ["--version"]);
}

const hasDocker = () => succeeds("docker", ["compose", "version"]);

// Its data is a volume of the Compose project, so each clone has a project of its own.
const project = `keycloak-apisix-${createHash("sha256").update(root).digest("hex").slice(0, 8)}`;

const composeFile = path.join(import.meta.dirname, "compose.yaml");

async function compose(args: string[], port: number) {
  return execa("docker", ["compose", "--file", composeFile, "--project-name", project, ...args], {
    env: { KEYCLOAK_PORT: `${port}`, KEYCLOAK_USER: adminUser, KEYCLOAK_PASSWORD: await adminPassword() },
    stdin: "ignore",
    reject: false,
  });
}

async function startWithDocker(wanted: number | undefined, report: Report, signal?: AbortSignal) {
  const last = await dockerPort();
  const runs = last !== undefined && (await compose(["ps", "--quiet"], last)).stdout !== "";
  const port = runs && (!wanted || wanted === last) ? last : await choosePort(wanted);
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(dockerRecord, JSON.stringify({ port }));
  report(`Starting Keycloak ${keycloakVersion} with Docker`);
  const { failed, stderr } = await compose(["up", "--detach", "--quiet-pull"], port);
  if (failed) throw new Error(`Docker could not start Keycloak:\n${stderr.trim()}`);
  const url = `http://localhost:${port}`;
  const start = Date.now();
  while (!(await answers(`${url}${basePath}/realms/master`))) {
    if (signal?.aborted || Date.now() - start > 10 * 60_000) {
      const { stdout } = await compose(["logs", "--no-log-prefix", "--tail", "15"], port);
      await stopDocker();
      signal?.throwIfAborted();
      throw new Error(`Keycloak was not ready after 10 minutes. Its log ends with:\n${stdout}`);
    }
    await sleep(400);
  }
  return url;
}

async function stopDocker() {
  const port = await dockerPort();
  if (port === undefined || !(await compose(["ps", "--quiet"], port)).stdout) return false;
  const { failed, stderr } = await compose(["down"], port);
  if (failed) throw new Error(`Docker could not stop Keycloak:\n${stderr.trim()}`);
  return true;
}

async function dockerPort(): Promise<number | undefined> {
  const text = await readFile(dockerRecord, "utf8").catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text).port;
}

async function succeeds(program: string, args: string[]) {
  return !(await execa(program, args, { stdin: "ignore", reject: false })).failed;
}
