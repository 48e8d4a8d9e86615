// The stack's configuration: one enablement for the top-level settings, or one for each tenant.
import * as pulumi from "@pulumi/pulumi";
import { isPlaintextConfig } from "../components/pulumi-internals.ts";

/** Settings of one realm; README explains each. */
export interface Settings {
  realm: string;
  client: string;
  customerUsername: string;
  customerPassword: pulumi.Output<string>;
  customerProfile: Record<string, string> | undefined;
  cxVersion: string | undefined;
  ownRealm: boolean;
  verifyToken: boolean;
  apisixDiscoveryBase: string | undefined;
}

/** A developer's own stack: the only one with a default password, and where it may stand in the clear. */
const devStack = "dev";
const guidePassword = "customer";

type Given = Partial<Omit<Settings, "customerPassword"> & { customerPassword: string }>;

const types: Readonly<Record<keyof Settings, "string" | "boolean" | "object">> = {
  realm: "string",
  client: "string",
  customerUsername: "string",
  customerPassword: "string",
  customerProfile: "object",
  cxVersion: "string",
  ownRealm: "boolean",
  verifyToken: "boolean",
  apisixDiscoveryBase: "string",
};

/**
 * Reads the settings of every realm of this stack.
 * @throws pulumi.RunError naming the key that is missing or wrong.
 */
export function readSettings(): Settings[] {
  const config = new pulumi.Config("keycloak-apisix");
  // Pulumi.yaml has to give every setting a default; an empty one means that it is not set.
  const text = (key: string) => config.get(key) || undefined;
  refusePlaintext("customerPassword", text("customerPassword"));
  const common: Given = {
    realm: text("realm"),
    client: text("client"),
    customerUsername: text("customerUsername"),
    customerPassword: text("customerPassword"),
    customerProfile: parsed(text("customerProfile"), profileShape) as Given["customerProfile"],
    cxVersion: text("cxVersion"),
    ownRealm: config.getBoolean("ownRealm"),
    verifyToken: config.getBoolean("verifyToken"),
    apisixDiscoveryBase: text("apisixDiscoveryBase"),
  };
  const tenants = parsed(text("tenants"), tenantsShape);
  if (tenants === undefined || isEmpty(tenants)) return [settings(common, "")];
  if (!Array.isArray(tenants)) throw new pulumi.RunError(tenantsShape);
  const all = tenants.map((tenant: unknown, index) => {
    const own = tenantSettings(tenant, `tenants[${index}]`);
    if (own.customerPassword !== undefined) refusePlaintext("tenants", own.customerPassword);
    return settings({ ...common, ...own }, `tenants[${index}].`);
  });
  const realms = all.map(({ realm }) => realm);
  const twice = realms.find((realm, index) => realms.indexOf(realm) !== index);
  if (twice !== undefined) {
    throw new pulumi.RunError(
      `keycloak-apisix:tenants names realm '${twice}' twice: each realm is one tenant.`,
    );
  }
  return all;
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

const tenantsShape = "keycloak-apisix:tenants must be a list of objects, each with its 'realm'.";
const profileShape =
  "keycloak-apisix:customerProfile must be an object of profile attributes and their values.";

/** Not by `config.getObject`: what that cannot read it prints, and passwords may stand in it. */
function parsed(text: string | undefined, shape: string): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new pulumi.RunError(shape);
  }
}

function tenantSettings(tenant: unknown, path: string): Given {
  if (typeof tenant !== "object" || tenant === null || Array.isArray(tenant)) {
    throw new pulumi.RunError(`keycloak-apisix:${path} must be an object with at least 'realm'.`);
  }
  for (const [key, value] of Object.entries(tenant)) {
    const type = types[key as keyof Settings];
    if (!type) {
      throw new pulumi.RunError(
        `keycloak-apisix:${path} has an unknown key '${key}': a tenant takes ${Object.keys(types).join(", ")}.`,
      );
    }
    if (typeof value !== type) {
      throw new pulumi.RunError(
        `keycloak-apisix:${path}.${key} must be a ${type}, in quotes where it is a text.`,
      );
    }
  }
  const given = tenant as Given;
  if (!given.realm) throw new pulumi.RunError(`keycloak-apisix:${path}.realm is missing: the tenant's id.`);
  return given;
}

function settings(given: Given, path: string): Settings {
  const customerPassword =
    given.customerPassword ?? (pulumi.getStack() === devStack ? guidePassword : undefined);
  if (!customerPassword) {
    throw new pulumi.RunError(
      `keycloak-apisix:${path}customerPassword is missing, and has no default: set it with 'pulumi config set --secret keycloak-apisix:customerPassword'.`,
    );
  }
  return {
    realm: given.realm ?? "expertflow",
    client: given.client ?? "cim",
    customerUsername: given.customerUsername ?? "customer",
    customerPassword: pulumi.secret(customerPassword),
    customerProfile: given.customerProfile,
    cxVersion: given.cxVersion,
    ownRealm: given.ownRealm ?? false,
    verifyToken: given.verifyToken ?? true,
    apisixDiscoveryBase: given.apisixDiscoveryBase,
  };
}

function refusePlaintext(key: string, password: string | undefined): void {
  const ofDev = pulumi.getStack() === devStack && password === guidePassword;
  if (password === undefined || ofDev || !isPlaintextConfig(`keycloak-apisix:${key}`)) return;
  throw new pulumi.RunError(
    `keycloak-apisix:${key} holds a password in the clear: set it again with --secret (pulumi config set --secret keycloak-apisix:customerPassword).`,
  );
}
