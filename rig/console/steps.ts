// Shows what a command does: a list of steps, each with its progress and its duration.

import { Listr, type ListrGetRendererClassFromValue, type ListrTask, PRESET_TIMER } from "listr2";
import { engineVersion, ensureEngine, ensureKeycloakPlugin } from "../pulumi/engine.ts";

type Renderer<T extends "default" | "simple"> = ListrGetRendererClassFromValue<T>;
export type Step = ListrTask<object, Renderer<"default">, Renderer<"simple">>;

/**
 * Runs the steps one after the other. Without a terminal it prints plain lines.
 * @throws what the failed step threw; the list itself only points at it
 */
export async function runSteps(steps: Step[]): Promise<void> {
  let failure: unknown;
  const quiet = steps.map(
    (step): Step => ({
      ...step,
      task: async (context, task) => {
        try {
          return await step.task(context, task);
        } catch (error) {
          failure = error;
          throw new Error("see below");
        }
      },
    }),
  );
  const list = new Listr<object, "default", "simple">(quiet, {
    // Our commands handle Ctrl-C themselves.
    registerSignalListeners: false,
    rendererOptions: { timer: PRESET_TIMER, collapseSubtasks: false },
    fallbackRenderer: "simple",
    fallbackRendererOptions: { timer: PRESET_TIMER },
  });
  await list.run().catch((error) => {
    throw failure ?? error;
  });
}

export const engineSteps: Step[] = [
  {
    title: `Pulumi CLI ${engineVersion}`,
    task: (_, task) =>
      ensureEngine((line) => {
        task.output = line;
      }),
  },
  {
    title: "Plugin keycloak",
    task: (_, task) =>
      ensureKeycloakPlugin((line) => {
        task.output = line;
      }),
  },
];

/** Ends a command with a sentence instead of a stack trace. */
export function failWith(error: unknown): void {
  console.error(`\n${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
