// Runs a script of this repository: `node dev/bootstrap.mjs SCRIPT.ts ARGS…`. Works on Node 18, before anything
// is installed: it first installs the locked dependencies. One of them is the pinned Node, which then runs the script.
// Without a script it only installs.

import { spawn } from "node:child_process";
import { existsSync, lstatSync, readFileSync, readlinkSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const windows = process.platform === "win32";
const bin = path.join(root, "node_modules", ".bin");

try {
  if (!isInstalled()) await install();
  const [script, ...args] = process.argv.slice(2);
  const PATH = `${bin}${path.delimiter}${process.env.PATH ?? ""}`;
  if (script)
    process.exitCode = await run(pinnedNode(), [path.resolve(root, script), ...args], {
      ...process.env,
      PATH,
    });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

/** Does node_modules hold what package-lock.json names? npm writes the second file at the very end. */
function isInstalled() {
  const locked = packages("package-lock.json");
  const installed = packages("node_modules/.package-lock.json");
  const names = new Set([...Object.keys(locked), ...Object.keys(installed)]);
  names.delete("");
  return [...names].every((name) =>
    installed[name]
      ? JSON.stringify(locked[name]) === JSON.stringify(installed[name])
      : locked[name].optional || locked[name].peer,
  );
}

function packages(file) {
  try {
    return JSON.parse(readFileSync(path.join(root, file), "utf8")).packages ?? {};
  } catch {
    return {};
  }
}

/** Reports on stderr, because stdout belongs to the script. */
async function install() {
  const modules = path.join(root, "node_modules");
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new Error(
      `${modules} is a link to ${readlinkSync(modules)}, where other packages are installed than package-lock.json names, and 'npm ci' would replace those: delete the link, then run this again.`,
    );
  }
  const start = Date.now();
  const seconds = () => `${Math.round((Date.now() - start) / 1000)} s`;
  const text = "Installing the locked dependencies …";
  const terminal = process.stderr.isTTY;
  process.stderr.write(text);
  const timer = terminal && setInterval(() => process.stderr.write(`\r${text} ${seconds()}`), 1000);
  const npm = process.env.npm_execpath;
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const [program, first] = npm ? [process.execPath, [npm]] : ["npm", []];
  let said = "";
  // The packages' own scripts get nobody's account.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("KEYCLOAK_")),
  );
  const code = await run(program, [...first, ...args], env, ["ignore", "ignore", "pipe"], (text) => {
    said += text;
  });
  clearInterval(timer);
  process.stderr.write(`${terminal ? `\r${text}` : ""} ${seconds()}\n`);
  // After the reason npm explains all its options.
  if (code !== 0) throw new Error(`npm ci failed:\n${said.trim().split("\n").slice(0, 15).join("\n")}`);
}

function pinnedNode() {
  const pinned = path.join(bin, windows ? "node.exe" : "node");
  if (existsSync(pinned)) return pinned;
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  throw new Error(
    `No pinned Node is available for ${process.platform}-${process.arch}: install Node 22.18 or newer.`,
  );
}

/** Runs a program, passes signals on to it, and returns its exit code. */
function run(program, args, env, stdio = "inherit", onError = undefined) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env, stdio, shell: windows && program === "npm" });
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) {
      // A terminal sends Ctrl-C to the child as well; once is enough.
      process.on(name, () => (name === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(name)));
    }
    // A stopped npm stops only the shell between it and us. A new parent therefore means that we should stop.
    const parent = process.ppid;
    const orphaned = setInterval(() => process.ppid !== parent && child.kill("SIGTERM"), 500);
    child.stderr?.setEncoding("utf8").on("data", onError);
    child.once("error", reject);
    child.once("close", () => clearInterval(orphaned));
    child.once(onError ? "close" : "exit", (code, signal) =>
      resolve(code ?? (signal === "SIGINT" ? 130 : 143)),
    );
  });
}
