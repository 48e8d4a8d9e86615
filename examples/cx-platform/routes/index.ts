// Another team's program: the routes of each tenant, with the plugin configuration from the platform's outputs.
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { ApisixPlugins } from "keycloak-apisix";
import { stringify } from "yaml";
import { SecretFile } from "./secret-file.ts";

const config = new pulumi.Config();
const services = config.requireObject<string[]>("services");
const domain = config.require("domain");
const folder = config.require("folder");

const platform = new pulumi.StackReference(config.require("platform"));
// Not requireOutput, because the tenants must be known here to declare a file for each.
const { value, secretValue } = await platform.getOutputDetails("apisix");
const byTenant: Record<string, ApisixPlugins> | undefined = value ?? secretValue;
if (!byTenant) throw new pulumi.RunError("The platform's stack has no output 'apisix': run its up first.");

const written = Object.entries(byTenant).map(([tenant, plugins]) => {
  const routes = services.map((service) => ({
    id: `${tenant}-${service}`,
    uris: [`/${service}/*`],
    hosts: [`${tenant}.${domain}`],
    service_id: `svc-${service}`,
    status: 1,
    plugins,
  }));
  return new SecretFile(tenant, {
    path: path.join(folder, `${tenant}.yaml`),
    // getOutputDetails returns secrets as plain values.
    content: pulumi.secret(stringify({ routes }, { aliasDuplicateObjects: false })),
  });
});

export const files = written.map((file) => file.path);
