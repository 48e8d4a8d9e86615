// Provides the Pulumi CLI and the keycloak plugin: the official downloads, or where those are out of reach a build with Go
// from the locked modules in rig/go/. Either way once per machine and version.

import { chmod, copyFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { execa } from "execa";
import { build, go, hasGo, hashOf } from "../go/build.ts";
import {
  executable,
  exists,
  fillOnce,
  isExecutable,
  pulumiHome,
  type Report,
  windows,
} from "../machine/folders.ts";

const require = createRequire(import.meta.url);

/** The CLI's version, which is that of its official launcher, the npm package `pulumi`. */
export const engineVersion: string = require("pulumi/package.json").version;
export const keycloakPluginVersion: string = require("@pulumi/keycloak/package.json").version;

/** Where the launcher looks for the CLI, so that `npx pulumi` runs the same one. */
export const engineBin = path.join(pulumiHome, "versions", engineVersion, "bin");
export const pulumi = path.join(engineBin, executable("pulumi"));

const downloadLimit = 10 * 60 * 1000;
const stamp = "built-with-go";

/** Is the CLI the official one? A build with Go has an older Node host, which knows neither Bun nor policy packs. */
export const isOfficialEngine = async () => !(await exists(path.join(path.dirname(engineBin), stamp)));

/** Provides the pinned Pulumi CLI in {@link engineBin}. */
export async function ensureEngine(report: Report = () => {}): Promise<void> {
  const origin = await hashOf("cli/go.mod", "node-host/go.mod");
  await fillOnce(
    path.dirname(engineBin),
    (folder) => isEngine(folder, origin),
    async (folder) => {
      const reason = await downloadEngine(folder, report);
      if (reason) await buildEngine(folder, origin, reason, report);
    },
  );
}

async function isEngine(folder: string, origin: string) {
  const bin = path.join(folder, "bin");
  const programs = [executable("pulumi"), executable("pulumi-language-nodejs")];
  const present = await Promise.all(programs.map((name) => isExecutable(path.join(bin, name))));
  if (present.includes(false)) return false;
  // Only our own build can be out of date; an official download never is.
  const built = await readFile(path.join(folder, stamp), "utf8").catch(() => origin);
  return built === origin;
}

/** @returns why it failed, or undefined if it did not. */
async function downloadEngine(folder: string, report: Report): Promise<string | undefined> {
  report(`Downloading Pulumi ${engineVersion}`);
  const launcher = require.resolve("pulumi/run.js");
  const [home, temporary] = [`${folder}.home`, `${folder}.tmp`];
  // The launcher writes the vendor's installer into a file with a predictable name and runs it.
  await mkdir(temporary, { mode: 0o700 });
  const { failed, stderr, timedOut } = await execa(process.execPath, [launcher, "version"], {
    env: {
      PULUMI_HOME: home,
      PULUMI_VERSION: engineVersion,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      ...{ TMPDIR: temporary, TMP: temporary, TEMP: temporary },
    },
    timeout: downloadLimit,
    stdin: "ignore",
    reject: false,
  });
  if (failed) return timedOut ? "it took too long" : lastLine(stderr);
  await rename(path.join(home, "versions", engineVersion, "bin"), path.join(folder, "bin"));
}

async function buildEngine(folder: string, origin: string, reason: string, report: Report) {
  await requireGo(`The Pulumi CLI ${engineVersion} could not be downloaded (${reason})`);
  const bin = path.join(folder, "bin");
  await mkdir(bin);
  const cli = "github.com/pulumi/pulumi/pkg/v3";
  const host = "github.com/pulumi/pulumi/sdk/v3";
  const locked = await go("cli", ["list", "-mod=readonly", "-m", "-f", "{{.Version}}", cli]);
  if (locked !== `v${engineVersion}`) {
    throw new Error(
      `rig/go/cli/go.mod locks Pulumi ${locked}, package.json ${engineVersion}: run "go get -tool ` +
        `${cli}/cmd/pulumi@v${engineVersion} && go mod tidy" in rig/go/cli.`,
    );
  }
  const hostVersion = await go("node-host", ["list", "-mod=readonly", "-m", "-f", "{{.Version}}", host]);
  const version = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";
  report(`Building Pulumi ${engineVersion} and its Node.js host with Go (3 to 6 minutes on 2 cores)`);
  const hostProgram = `${host}/nodejs/cmd/pulumi-language-nodejs`;
  const builds = await Promise.allSettled([
    build("node-host", hostProgram, bin + path.sep, `-X ${version}=${hostVersion.slice(1)}`),
    build("cli", `${cli}/cmd/pulumi`, bin + path.sep, `-X ${version}=${engineVersion}`),
  ]);
  for (const each of builds) if (each.status === "rejected") throw each.reason;

  const sources = await go("node-host", ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", host]);
  const launcher = `pulumi-resource-pulumi-nodejs${windows ? ".cmd" : ""}`;
  await copyFile(path.join(sources, "nodejs", "dist", launcher), path.join(bin, launcher));
  await chmod(path.join(bin, launcher), 0o755);
  await writeFile(path.join(folder, stamp), origin);
}

/**
 * Provides the keycloak plugin: the official one if it can be downloaded. Call {@link ensureEngine} first.
 * The CLI finds a plugin built here through the PATH that `localEnvironment` sets.
 */
export async function ensureKeycloakPlugin(report: Report = () => {}): Promise<void> {
  const built = await builtPluginFolder();
  if ((await hasOfficialPlugin()) || (await isPlugin(built))) return;
  const reason = await downloadPlugin(report);
  if (!reason) return;
  await requireGo(`The keycloak plugin ${keycloakPluginVersion} could not be downloaded (${reason})`);
  report("Building the keycloak plugin with Go (about a minute)");
  await fillOnce(built, isPlugin, async (folder) => {
    await build("keycloak-plugin", ".", path.join(folder, pluginProgram));
  });
}

/** @returns why it failed, or undefined if it did not. */
async function downloadPlugin(report: Report): Promise<string | undefined> {
  report(`Downloading the keycloak plugin ${keycloakPluginVersion}`);
  const command = ["plugin", "install", "resource", "keycloak", keycloakPluginVersion];
  const { failed, stderr, timedOut } = await execa(pulumi, command, {
    env: { PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeout: downloadLimit,
    stdin: "ignore",
    reject: false,
  });
  if (failed) return timedOut ? "it took too long" : lastLine(stderr);
  return (await hasOfficialPlugin()) ? undefined : "the CLI installed another version";
}

/** The CLI's two warnings about a plugin that was built here. */
export const builtPluginWarning =
  /using pulumi-resource-keycloak from \$PATH|resource plugin keycloak is expected to have version/;

/** The folder of the plugin built here, or undefined if the official one is installed. */
export async function keycloakPluginFolder(): Promise<string | undefined> {
  return (await hasOfficialPlugin()) ? undefined : builtPluginFolder();
}

async function builtPluginFolder() {
  const origin = await hashOf("keycloak-plugin/go.mod", "keycloak-plugin/main.go");
  return path.join(pulumiHome, "keycloak-apisix", `keycloak-plugin-${origin}`);
}

const pluginProgram = executable("pulumi-resource-keycloak");
const isPlugin = (folder: string) => isExecutable(path.join(folder, pluginProgram));

async function hasOfficialPlugin() {
  const folder = path.join(pulumiHome, "plugins", `resource-keycloak-v${keycloakPluginVersion}`);
  // The CLI keeps this file until it has unpacked the plugin.
  return (await isPlugin(folder)) && !(await exists(`${folder}.partial`));
}

async function requireGo(problem: string) {
  if (await hasGo()) return;
  throw new Error(`${problem}: install Go 1.21 or newer, and it will be built here instead.`);
}

const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? "";
