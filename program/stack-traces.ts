// Pulumi's SDK takes a stack trace for every property of every resource, and the state keeps one for each resource. So
// the shorter they are, the faster is a program of many realms, and the smaller its state.

// The SDK's source-map support maps each of them: about a second for fifty realms. Node strips the types in place, so
// there is nothing to map.
Reflect.deleteProperty(Error, "prepareStackTrace");

/** Calls an async function from an empty stack: its callers are Pulumi's and Node's own, and a tenth of the state. */
export function withoutCallers<T>(run: () => Promise<T>): Promise<T> {
  return new Promise((resolve) => process.nextTick(() => resolve(run())));
}
