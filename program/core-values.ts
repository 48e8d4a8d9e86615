// The customer's user and password as CX's Core chart takes them: `pulumi stack output coreCustomValues`.
import * as pulumi from "@pulumi/pulumi";
import { stringify } from "yaml";

interface Customer {
  readonly username: string;
  readonly password: string;
}

/** A text for the values file of CX's Core chart. A secret, because it holds the passwords. */
export function coreCustomValues(
  byRealm: Readonly<Record<string, pulumi.Output<Customer>>>,
): pulumi.Output<string> {
  return pulumi.secret(byRealm).apply((all) => {
    const realms = Object.entries(all);
    return realms
      .map(([realm, customer]) => (realms.length > 1 ? `# Realm '${realm}'\n` : "") + fragmentOf(customer))
      .join("\n");
  });
}

function fragmentOf({ username, password }: Customer): string {
  const siteEnvVars = [
    { name: "KEYCLOAK_USERNAME_CUSTOMER", value: asTemplate(username) },
    { name: "KEYCLOAK_PASSWORD_CUSTOMER", value: asTemplate(password) },
  ];
  const values = { "web-channel-manager": { siteEnvVars } };
  return stringify(values, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0 });
}

/** The chart renders values as Helm templates: what would begin one is written as a text within one. */
function asTemplate(text: string): string {
  return text.includes("{{") ? `{{ ${JSON.stringify(text)} }}` : text;
}
