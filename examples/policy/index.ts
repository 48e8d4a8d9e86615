// Every user that tokens are issued for must prove with a real one that it is ready: `verifyToken: false` is refused.
import { PolicyPack } from "@pulumi/policy";

const child = (kind: string) => `pulumi-nodejs:dynamic/keycloak-apisix:${kind}`;

new PolicyPack("keycloak-apisix", {
  policies: [
    {
      name: "token-is-verified",
      description: "A real token proves that its user is ready.",
      enforcementLevel: "mandatory",
      // A user and its token check are children of the same component.
      validateStack: ({ resources }, reportViolation) => {
        const all = (kind: string) => resources.filter(({ type }) => type === child(kind));
        const verified = all("TokenCheck").map(({ parent }) => parent?.urn);
        for (const { urn, name, parent } of all("User"))
          if (!verified.includes(parent?.urn))
            reportViolation(`No token is verified for '${name}': leave verifyToken at its default.`, urn);
      },
    },
  ],
});
