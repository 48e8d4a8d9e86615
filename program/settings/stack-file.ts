// What the stack's file says and Pulumi does not pass on: which values in a list or an object are encrypted. As soon as
// one is, Pulumi calls the whole key a secret.
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";

/** The file that a command names with `--config-file`: `npm run pulumi` passes it on in the CLI's own variable for it. */
export const namedFile = () => process.env.PULUMI_OPTION_CONFIG_FILE || undefined;

/** What the file holds at a path like `tenants[0].customerPassword`, as it is written there: encrypted, it is an object. */
export function inStackFile(namespace: string, path: string): unknown {
  const [key = "", ...within] = path.split(/[[\].]+/);
  const config = configuration();
  // The CLI takes a key without its namespace for the project's.
  let value = config[`${namespace}:${key}`] ?? config[key];
  for (const each of within) value = Object(value)[each];
  return value;
}

function configuration(): Readonly<Record<string, unknown>> {
  try {
    return parse(readFileSync(namedFile() ?? `Pulumi.${pulumi.getStack()}.yaml`, "utf8")).config ?? {};
  } catch {
    // The configuration is elsewhere, or the CLI would have failed.
    return {};
  }
}
