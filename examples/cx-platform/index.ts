// The platform: one tenant for each entry of the configuration, and what APISIX needs to know about it.
import * as pulumi from "@pulumi/pulumi";
import { Tenant } from "./tenant.ts";

interface TenantConfig {
  id: string;
  displayName: string;
  cxVersion?: string;
}

const config = new pulumi.Config();
const passwords = config.requireSecretObject<Record<string, string>>("customerPasswords");

// A tenant that somebody takes out of the configuration is a realm with all its users.
const options = { protect: pulumi.getStack() !== "dev" };

const tenants = config.requireObject<TenantConfig[]>("tenants").map(({ id, ...tenant }) => {
  const customerPassword = passwords.apply((all) => {
    const password = all[id];
    if (!password) throw new pulumi.RunError(`customerPasswords has none for tenant '${id}'.`);
    return password;
  });
  const apisixDiscoveryBase = config.get("apisixDiscoveryBase") || undefined;
  return new Tenant(id, { ...tenant, customerPassword, apisixDiscoveryBase }, options);
});

/** By tenant, what stands under a route's `plugins`, which the program in routes/ reads. */
export const apisix = Object.fromEntries(tenants.map(({ id, apisix }) => [id, apisix]));
/** By tenant, what was verified in a real token. */
export const tokens = Object.fromEntries(tenants.map(({ id, token }) => [id, token]));
