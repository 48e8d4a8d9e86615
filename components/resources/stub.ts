// The only code of ours that Pulumi serialises into the state, twice a resource, so it is kept short. It does nothing
// but load the provider from the package that is installed where the program runs, so old state never runs old code.
// The engine starts the provider process in the folder of the program (Pulumi.yaml's `main`), and Node looks for the
// package from there upwards.
import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";

type Methods = Pick<pulumi.dynamic.ResourceProvider, "configure">;
type Method = (...args: unknown[]) => unknown;

const methods: Methods & ThisType<Record<string, Method>> = {
  // Called before anything else. Not async: the host uses the object before a promise would be settled. No import and
  // no closure: the text must make sense by itself. Each method loads anew, so that none is missing, and passed over,
  // where the package is.
  configure(request) {
    const load = () =>
      process.getBuiltinModule("module").createRequire(`${process.cwd()}/`)("keycloak-apisix/provider");
    for (const method of ["check", "diff", "create", "read", "update", "delete"])
      this[method] = (...args) => load()[method](...args);
    return load().configure(request);
  },
};

/** Shared by all resources, so that Pulumi serialises it once. */
export const stub = methods as pulumi.dynamic.ResourceProvider;

/**
 * Tells in words what the stub's own failure would say of Node's module loader.
 * @throws pulumi.ResourceError where the provider could not be loaded.
 */
export function requireProvider(resource: pulumi.Resource): void {
  // With mocks there is no provider process, and the tests may run anywhere.
  if (!pulumi.runtime.hasEngine()) return;
  try {
    createRequire(`${process.cwd()}/`).resolve("keycloak-apisix/provider");
  } catch {
    throw new pulumi.ResourceError(
      `The package keycloak-apisix is not installed where the program runs (${process.cwd()}): add it to the program's own dependencies, beside @pulumi/pulumi, also where another package brings the component.`,
      resource,
      true,
    );
  }
}
