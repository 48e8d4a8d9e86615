// What Pulumi's SDK knows but does not declare in its types. Every use is guarded: without it the component still
// works, but knows less.
import * as pulumi from "@pulumi/pulumi";

/**
 * The same value, but unknown until the resources exist that it comes from, or that the component waits for
 * (`dependsOn`, or a resource as its parent). Pulumi knows `realm.realm` and a literal name even in the preview of
 * the `up` that creates the realm, and looking for the realm there would fail.
 */
export function onceItExists(
  value: pulumi.Input<string>,
  { dependsOn = [], parent }: pulumi.ComponentResourceOptions = {},
): pulumi.Output<string> {
  const output = pulumi.output(value) as pulumi.Output<string> & {
    allResources?: () => Promise<Set<pulumi.Resource>>;
  };
  const ids = (resources: Iterable<pulumi.Resource>) => pulumi.output(idsOf(resources, parent));
  const source = output.allResources?.().then(ids);
  const awaited = resourcesIn(dependsOn).apply(ids);
  const above = pulumi.CustomResource.isInstance(parent) ? parent.id : undefined;
  return pulumi.all([output, source, awaited, above]).apply(([known]) => known);
}

/**
 * The same output; but if it fails, Pulumi prints this error, rather than its own with a stack for each of the output's
 * promises.
 */
export function orElse(
  output: pulumi.Output<unknown>,
  fail: (error: unknown) => never,
): pulumi.Output<unknown> {
  const { isKnown, isSecret } = output as pulumi.Output<unknown> & {
    isKnown?: Promise<boolean>;
    isSecret?: Promise<boolean>;
  };
  return pulumi.output(Promise.all([isKnown, isSecret]).then(() => output, fail));
}

/** The same value, without the resources that it comes from. Beside `dependsOn`, the state would list them again. */
export function withoutSources<T>(output: pulumi.Output<T>): pulumi.Output<T> {
  const { isKnown } = output as pulumi.Output<T> & { isKnown?: Promise<boolean> };
  const alone = () => new Promise<pulumi.Input<T>>((resolve) => output.apply(resolve));
  return pulumi.output(isKnown?.then((known) => (known ? alone() : output)) ?? output) as pulumi.Output<T>;
}

/** The resources of an option `dependsOn`. */
export function resourcesIn(
  dependsOn: pulumi.ResourceOptions["dependsOn"] = [],
): pulumi.Output<pulumi.Resource[]> {
  return pulumi
    .output(dependsOn as pulumi.Input<object>)
    .apply((given) => [given].flat().filter((each) => pulumi.Resource.isInstance(each)));
}

/** Ours look for the realm themselves, so they say nothing about whether it exists yet. */
const ours = "pulumi-nodejs:dynamic/keycloak-apisix:";

type Relatives = {
  readonly __pulumiType?: string;
  readonly __childResources?: Set<pulumi.Resource>;
  readonly __parentResource?: pulumi.Resource;
};

/** For a component, the ids of its children; none for an ancestor of this component. */
function idsOf(
  resources: Iterable<pulumi.Resource>,
  parent: pulumi.Resource | undefined,
): pulumi.Output<string>[] {
  const ancestors = new Set<pulumi.Resource>();
  for (let each = parent; each; each = (each as Relatives).__parentResource) ancestors.add(each);
  const ids = (resource: pulumi.Resource): pulumi.Output<string>[] => {
    if (pulumi.CustomResource.isInstance(resource))
      return (resource as Relatives).__pulumiType?.startsWith(ours) ? [] : [resource.id];
    if (ancestors.has(resource)) return [];
    return [...((resource as Relatives).__childResources ?? [])].flatMap(ids);
  };
  return [...resources].flatMap(ids);
}

/** Does the stack keep this config key in plain text? False if it is a secret, or not in the stack's file. */
export function isPlaintextConfig(key: string): boolean {
  return pulumi.runtime.allConfig()[key] !== undefined && isSecretConfig(key) === false;
}

/** Does the stack encrypt this config key, or something in it? Undefined if the SDK cannot tell. */
export function isSecretConfig(key: string): boolean | undefined {
  const { isConfigSecret } = pulumi.runtime as typeof pulumi.runtime & {
    isConfigSecret?: (key: string) => boolean;
  };
  return isConfigSecret?.(key);
}
