// Starts a program of many realms faster. Imported for its effect, before anything else.
//
// Pulumi's SDK takes a stack trace for every property of every resource, and its source-map support maps each of them:
// about a second for fifty realms. Node strips the types in place, so there is nothing to map.
Reflect.deleteProperty(Error, "prepareStackTrace");
