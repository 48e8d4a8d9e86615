// Who uses a realm role, as a partial export of the realm shows it.
import test from "ava";
import { usesOfRole } from "./role-use.ts";

test("every use is named, whatever carries it", (t) => {
  const realm = {
    roles: {
      realm: [
        { name: "customer" },
        { name: "default-roles-cx", composites: { realm: ["offline_access", "customer"] } },
      ],
      client: { cim: [{ name: "agent", composites: { realm: ["customer"] } }] },
    },
    groups: [{ path: "/a", realmRoles: [], subGroups: [{ path: "/a/b", realmRoles: ["customer"] }] }],
    scopeMappings: [
      { client: "cim", roles: ["customer"] },
      { clientScope: "email", roles: ["customer"] },
      { client: "account", roles: ["other"] },
    ],
    clients: [
      {
        clientId: "cim",
        authorizationSettings: {
          policies: [
            { name: "customers", type: "role", config: { roles: '[{"id":"customer","required":false}]' } },
            { name: "others", type: "role", config: { roles: '[{"id":"customer-2","required":false}]' } },
            { name: "odd", type: "role", config: { roles: "no JSON" } },
          ],
        },
        protocolMappers: [{ name: "add role", config: { role: "customer" } }],
      },
    ],
    identityProviderMappers: [{ name: "from idp", config: { role: "customer" } }],
    authenticatorConfig: [{ alias: "only customers", config: { condUserRole: "customer" } }],
    components: {
      "org.keycloak.storage.UserStorageProvider": [
        {
          name: "people",
          config: { priority: ["0"] },
          subComponents: { mappers: [{ name: "all are customers", config: { role: ["customer"] } }] },
        },
      ],
    },
  };
  t.deepEqual(usesOfRole(realm as never, "customer"), [
    "realm role 'default-roles-cx' includes it",
    "role 'agent' of client 'cim' includes it",
    "group '/a/b' has it",
    "client 'cim' has it in its scope",
    "client scope 'email' has it",
    "policy 'customers' of client 'cim' asks for it",
    "mapper 'add role' names it",
    "mapper 'from idp' names it",
    "the authentication flow's condition 'only customers' names it",
    "mapper 'all are customers' names it",
  ]);
  t.deepEqual(usesOfRole({}, "customer"), []);
});
