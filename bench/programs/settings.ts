// The settings that the bench's Pulumi programs share with our program.
import * as pulumi from "@pulumi/pulumi";

interface Profile {
  email: string;
  firstName: string;
  lastName: string;
}

const config = new pulumi.Config("keycloak-apisix");
export const realms = config.requireObject<{ realm: string }[]>("tenants").map(({ realm }) => realm);
export const password = config.requireSecret("customerPassword");
export const profile = config.requireObject<Profile>("customerProfile");
