// The two things that Pulumi's SDK knows and does not offer in its types. Both are guarded: without them the
// component still works, it only knows less.
import * as pulumi from "@pulumi/pulumi";

/**
 * The same value, but unknown as long as a resource that it comes from is still to be created. `realm.realm`
 * is known in the preview of the very `up` that creates the realm, and looking for it there would fail.
 */
export function onceItExists(value: pulumi.Input<string>): pulumi.Output<string> {
  const output = pulumi.output(value) as pulumi.Output<string> & {
    allResources?: () => Promise<Set<pulumi.Resource>>;
  };
  if (typeof output.allResources !== "function") return output;
  const ids = output
    .allResources()
    .then((resources) =>
      [...resources].flatMap((resource) => (pulumi.CustomResource.isInstance(resource) ? [resource.id] : [])),
    );
  return pulumi.all([output, pulumi.output(ids)]).apply(([known]) => known);
}

/** Does the stack keep this config key in the clear? False where it is a secret, or not in the stack's file. */
export function isPlaintextConfig(key: string): boolean {
  const { allConfig, isConfigSecret } = pulumi.runtime as typeof pulumi.runtime & {
    isConfigSecret?: (key: string) => boolean;
  };
  if (typeof isConfigSecret !== "function") return false;
  return allConfig()[key] !== undefined && !isConfigSecret(key);
}
