// Makes one Keycloak realm ready for Expertflow CX behind APISIX.
import * as pulumi from "@pulumi/pulumi";
import { ApisixEnablement } from "keycloak-apisix";

const config = new pulumi.Config();
const realm = config.require("realm");

const enablement = new ApisixEnablement(realm, {
  realm,
  client: config.require("client"),
  customerPassword: config.requireSecret("customerPassword"),
  apisixDiscoveryBase: config.get("apisixDiscoveryBase"),
});

/** What stands under a route's `plugins` in APISIX. It is secret, because it holds the client's secret. */
export const apisix = enablement.apisix;
/** What was verified of a real token. */
export const token = enablement.token;
