// The only code of ours that Pulumi serialises into the state. It does nothing but load the provider from the
// package that is installed where the program runs, so old state never runs old code. The engine starts the provider
// process in the folder of the program (Pulumi.yaml's `main`), and Node looks for the package from there upwards.
import type * as pulumi from "@pulumi/pulumi";

type Provider = typeof import("../provider/index.ts");

// No import and no closure: the text must make sense by itself, wherever the state is read.
function provider(): Provider {
  const load = process.getBuiltinModule("node:module").createRequire(`${process.cwd()}/`);
  try {
    return load("keycloak-apisix/provider");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "MODULE_NOT_FOUND" || !message.includes("'keycloak-apisix/provider'")) throw error;
    const why = `The package keycloak-apisix is not installed where the program runs (${process.cwd()}): add it to the program's own dependencies, beside @pulumi/pulumi, also where another package brings the component.`;
    throw Object.assign(new Error(why), { name: "", stack: "" });
  }
}

/** Shared by all resources, so that Pulumi serialises it once. */
export const stub: pulumi.dynamic.ResourceProvider = {
  // Not async: the host caches the provider before a promise would be settled.
  configure(request): never {
    return provider().configure((key) => request.config.get(key)) as never;
  },
  check(olds, news) {
    return provider().check(olds, news) as never;
  },
  diff(id, olds, news) {
    return provider().diff(id, olds, news) as never;
  },
  create(inputs) {
    return provider().create(inputs) as never;
  },
  read(id, properties) {
    return provider().read(id, properties as never) as never;
  },
  update(id, olds, news) {
    return provider().update(id, olds, news) as never;
  },
  delete(id, properties) {
    return provider().delete(id, properties);
  },
};
