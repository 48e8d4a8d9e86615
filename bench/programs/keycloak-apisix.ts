// What template/ does, for any number of realms.
import { ApisixEnablement } from "keycloak-apisix";
import { password, profile, realms } from "./settings.ts";

for (const realm of realms)
  new ApisixEnablement(realm, { realm, customerPassword: password, customerProfile: profile });
