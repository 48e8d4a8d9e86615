// The settings that the bench's Pulumi programs share with our program.
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config("keycloak-apisix");
export const realms = config.requireObject<{ realm: string }[]>("tenants").map(({ realm }) => realm);
export const password = config.requireSecret("customerPassword");
export const profile = config.requireObject<Record<string, string>>("customerProfile");
