// The provider as the state carries it: one line of text that the engine's dynamic provider process runs.

/**
 * Loads the provider of one kind from the package that is installed where the program runs, so an old state never
 * runs old code. If the package is missing, loading fails with an error. The engine starts the process in the
 * program's folder (`main` in Pulumi.yaml), and Node looks for the package from there upwards. A bare `require` would
 * do that too, but not find the package in its own repository.
 */
export function providerText(kind: string): string {
  // The state has it twice per resource, and would escape double quotes.
  return `exports.handler=()=>require('module').createRequire(process.cwd()+'/')('keycloak-apisix/provider').provider('${kind}')`;
}
