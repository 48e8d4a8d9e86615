// What the Pulumi contestants share: a project with its own state in a file, the same configuration, the same flags.
// `up` and `destroy` run with --skip-preview, as in `npm start` and CI: the preview is a figure of its own.
import { cp, rm } from "node:fs/promises";
import path from "node:path";
import { root } from "../../rig/machine/folders.ts";
import { pulumi } from "../../rig/pulumi/engine.ts";
import { type ProjectOptions, TestProject, type TestStack } from "../../rig/pulumi/project.ts";
import { customer } from "../realms.ts";
import type { Command, Given, Operation, Prepared } from "./contestant.ts";

interface Options {
  /** The operations of this program, and how many resources each touches in a realm. */
  readonly touches: Readonly<Partial<Record<Operation, number>>>;
  /** Further arguments of `preview`. */
  readonly preview?: readonly string[];
}

/** @param program path from the repository's root; it reads `tenants`, `customerPassword` and `customerProfile` */
export function pulumiProgram(program: string, given: Given, options: Options): Promise<Prepared> {
  return pulumiProject({ program: reexport(program) }, given, options);
}

export const reexport = (program: string) => `export * from ${JSON.stringify(path.join(root, program))};\n`;

/** The same for a project with another layout. */
export async function pulumiProject(
  layout: ProjectOptions,
  given: Given,
  options: Options,
): Promise<Prepared> {
  const project = await TestProject.create(layout);
  const stack = await project.stack("bench", { customerPassword: customer.password });
  await stack.setObject(
    "tenants",
    given.realms.all.map(({ name }) => ({ realm: name })),
  );
  await stack.setObject("customerProfile", customer.profile);
  const state = path.join(project.folder, "state");
  const empty = path.join(given.folder, "empty-state");
  await cp(state, empty, { recursive: true });
  return {
    commands: commandsOf(stack, given.realms.all.length, options),
    stateBytes: async () => Buffer.byteLength(await stack.state()),
    async forget() {
      await rm(state, { recursive: true });
      await cp(empty, state, { recursive: true });
    },
  };
}

function commandsOf({ name, project }: TestStack, realms: number, { touches, preview = [] }: Options) {
  const lines: Readonly<Record<Operation, readonly string[]>> = {
    fresh: ["up", "--yes", "--skip-preview"],
    again: ["up", "--yes", "--skip-preview"],
    preview: ["preview", ...preview],
    drift: ["preview", ...preview],
    destroy: ["destroy", "--yes", "--skip-preview"],
  };
  const done: Readonly<Record<Operation, string>> = {
    fresh: "created",
    again: "updated",
    preview: "to update",
    drift: "to update",
    destroy: "deleted",
  };
  return Object.fromEntries(
    Object.entries(touches).map(([operation, each]) => {
      const command: Command = {
        program: pulumi,
        args: [...lines[operation as Operation], "--stack", name, "--non-interactive", "--color", "never"],
        cwd: project.folder,
        env: project.env,
        complaint: (output) => {
          const counted = changes(output);
          const { [done[operation as Operation]]: is = 0, ...others } = counted;
          // Stack and components count as resources too, so there may be more than expected; but zero must be zero.
          const quiet = operation === "again" || operation === "preview";
          const fits = Object.keys(others).length === 0 && (quiet ? is === 0 : is >= each * realms);
          return fits
            ? undefined
            : `it should touch ${each * realms} resources, and says ${JSON.stringify(counted)}`;
        },
      };
      return [operation, command];
    }),
  ) as Prepared["commands"];
}

/** The counts in the CLI's summary, without unchanged resources. */
function changes(output: string): Record<string, number> {
  const summary = output.slice(output.lastIndexOf("\nResources:"));
  const counts = [...summary.matchAll(/^ +[+~-]+ (\d+) ([a-z ]+)$/gm)];
  return Object.fromEntries(counts.map(([, count, what = ""]) => [what, Number(count)]));
}
