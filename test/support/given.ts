// What nearly every test of the whole program starts with: a realm, a project and a stack of its own, all deleted
// after the test.
import type { ExecutionContext } from "ava";
import { type Representation, TestRealm } from "../../rig/keycloak/realm.ts";
import { builtPluginWarning } from "../../rig/pulumi/engine.ts";
import { type ProjectOptions, TestProject, type TestStack } from "../../rig/pulumi/project.ts";

export const password = "chosen for customers";

export interface Given {
  readonly realm: TestRealm;
  readonly project: TestProject;
  readonly stack: TestStack;
}

export interface GivenOptions extends ProjectOptions {
  readonly client?: object | null;
  readonly settings?: object;
  readonly config?: Record<string, string>;
}

export async function given(t: ExecutionContext, options: GivenOptions = {}): Promise<Given> {
  const { client, settings, config, ...ofProject } = options;
  const [realm, project] = await Promise.all([
    TestRealm.create(settings, client),
    TestProject.create(ofProject),
  ]);
  t.teardown(() => realm.delete());
  t.teardown(() => project.delete());
  const stack = await project.stack("test", { realm: realm.name, customerPassword: password, ...config });
  return { realm, project, stack };
}

/** Fails with the paths that differ: two whole realms side by side would be unreadable. */
export function sameRealm(t: ExecutionContext, now: Representation, before: Representation): void {
  t.deepEqual(differences(before, now), []);
}

/** "users.0.enabled: true → false" for each value that differs. */
export function differences(before: unknown, now: unknown, path = ""): string[] {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null;
  if (!isObject(before) || !isObject(now)) {
    return before === now ? [] : [`${path}: ${JSON.stringify(before)} → ${JSON.stringify(now)}`];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keys].flatMap((key) => differences(before[key], now[key], path ? `${path}.${key}` : key));
}

/** The CLI succeeded; if not, its output is shown. */
export function succeeded(t: ExecutionContext, { exitCode, output }: { exitCode: number; output: string }) {
  t.is(exitCode, 0, output);
}

/** What every new mapper brings on a Keycloak that does not check the audience: rarely what a test is about. */
export const audienceWarning = /does not check the audience at introspection/;

/** The warnings that the CLI printed, each once: it repeats them under "Diagnostics". */
export function allWarnings(output: string): string[] {
  const all = [...output.matchAll(/warning: (.*)/g)].map(([, text]) => text?.trim() ?? "");
  return [...new Set(all)].filter((text) => !builtPluginWarning.test(text));
}

/** The same without {@link audienceWarning}. */
export const warnings = (output: string) => allWarnings(output).filter((text) => !audienceWarning.test(text));

/**
 * A snapshot with the same text for every owner mark: marks change if a component is renamed or the server's
 * address changes.
 */
export function withoutMarks(snapshot: Representation): Representation {
  return JSON.parse(
    JSON.stringify(snapshot).replaceAll(/keycloak-apisix [0-9a-f]{32}( \(\w+ [0-9a-f]{32}\))?/g, "mark"),
  );
}
