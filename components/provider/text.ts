// The provider as the state carries it: one line of text that the engine's dynamic provider process runs.

/**
 * Loads one kind's provider from the package that is installed where the program runs, so old state never runs old code. Loading
 * fails aloud where the package is missing, and is tried again with every call. The engine starts that process in the folder
 * of the program (Pulumi.yaml's `main`), and Node looks for the package from there upwards.
 */
export function providerText(kind: string): string {
  return `exports.handler = () => require("module").createRequire(process.cwd() + "/")("keycloak-apisix/provider").provider("${kind}");`;
}
