// As many dynamic resources as our program has, with the same inputs, order and components, but an idle provider.
import * as pulumi from "@pulumi/pulumi";
import { password, profile, realms } from "./settings.ts";

const idle: pulumi.dynamic.ResourceProvider = {
  async check(_olds, news) {
    return { inputs: news };
  },
  async diff() {
    return { changes: false };
  },
  async create(inputs) {
    return { id: "idle", outs: inputs };
  },
  async read(id, props) {
    return { id, props };
  },
  async update(_id, _olds, news) {
    return { outs: news };
  },
  async delete() {},
};

class Idle extends pulumi.dynamic.Resource {
  constructor(type: string, name: string, inputs: pulumi.Inputs, options: pulumi.CustomResourceOptions) {
    super(idle, name, { kind: type, ...inputs }, options, "bench", type);
  }
}

class IdleComponent extends pulumi.ComponentResource {
  constructor(realm: string) {
    super("bench:index:Idle", realm, {});
    const parent = { parent: this };
    const username = "customer";
    const roles = ["customer", "offline_access", "uma_authorization"];
    const audience = new Idle("audience", `${realm}-audience`, { realm, client: "cim" }, parent);
    const role = new Idle("role", `${realm}-role`, { realm, role: "customer" }, parent);
    const user = new Idle(
      "user",
      `${realm}-user`,
      { realm, username, profile },
      { ...parent, dependsOn: role },
    );
    const secret = { password, client: "cim" };
    const first = new Idle(
      "password",
      `${realm}-password`,
      { realm, username, ...secret },
      { ...parent, dependsOn: user },
    );
    const mappings = new Idle(
      "role-mappings",
      `${realm}-role-mappings`,
      { realm, username, roles },
      { ...parent, dependsOn: [user, role, first] },
    );
    new Idle(
      "token",
      `${realm}-token`,
      { realm, username, roles, ...secret },
      { ...parent, dependsOn: [audience, role, user, first, mappings] },
    );
    this.registerOutputs({});
  }
}

for (const realm of realms) new IdleComponent(realm);
