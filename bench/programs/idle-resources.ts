// As many dynamic resources as our program has, with the same inputs, order and components, but an idle provider.
import * as pulumi from "@pulumi/pulumi";
import { password, profile, realms } from "./settings.ts";

const idle: pulumi.dynamic.ResourceProvider = {
  check: async (_olds, news) => ({ inputs: news }),
  diff: async () => ({ changes: false }),
  create: async (inputs) => ({ id: "idle", outs: inputs }),
  read: async (id, props) => ({ id, props }),
  update: async (_id, _olds, news) => ({ outs: news }),
  delete: async () => {},
};

class Idle extends pulumi.dynamic.Resource {
  constructor(type: string, name: string, inputs: pulumi.Inputs, options: pulumi.CustomResourceOptions) {
    super(idle, name, inputs, options, "bench", type);
  }
}

class IdleComponent extends pulumi.ComponentResource {
  constructor(name: string) {
    super("bench:index:Idle", name);
    this.registerOutputs();
  }
}

const roles = ["customer", "offline_access", "uma_authorization"];
const client = "cim";

for (const realm of realms) {
  const parent = new IdleComponent(realm);
  const after = (...dependsOn: pulumi.Resource[]) => ({ parent, dependsOn });
  const mapper = { realm, client, mapper: "fix-audience" };
  const audience = new Idle("audience", `${realm}-audience`, mapper, { parent });
  const role = new Idle("role", `${realm}-role`, { realm, role: "customer" }, { parent });
  const its = { realm, username: "customer" };
  const user = new Idle("user", `${realm}-user`, { ...its, profile }, after(role));
  const login = { ...its, client, password, keep: false };
  const first = new Idle("password", `${realm}-password`, { ...login, neededBy: "CX" }, after(user));
  const mapped = { ...its, roles, ensured: ["customer"] };
  const mappings = new Idle("role-mappings", `${realm}-role-mappings`, mapped, after(role, first));
  const all = [audience, role, user, first, mappings];
  const token = { ...login, roles, after: all.map(({ id }) => id) };
  new Idle("token", `${realm}-token`, token, after(...all));
}
