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

/** Older SDKs never call `configure`: the provider would have no methods, and the host takes a missing one for done. */
const oldest = { major: 3, minor: 139 };

/**
 * Tells in words what the stub's own failure would say of Node's module loader, or not at all.
 * @throws pulumi.ResourceError where the provider could not be loaded, or would not be configured.
 */
export function requireProvider(resource: pulumi.Resource): void {
  // With mocks there is no provider process, and the tests may run anywhere.
  if (!pulumi.runtime.hasEngine()) return;
  const { version } = createRequire(import.meta.url)("@pulumi/pulumi/package.json") as { version: string };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < oldest.major || (major === oldest.major && minor < oldest.minor)) {
    throw new pulumi.ResourceError(
      `keycloak-apisix needs @pulumi/pulumi ${oldest.major}.${oldest.minor} or newer, and this program has ${version}: install a newer one.`,
      resource,
      true,
    );
  }
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
