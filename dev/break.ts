// `npm run break`: gives `npm run drift` something to find. In the realms of stack `dev` it does what people do in the
// console: it disables the customer and sets another password. Only this clone's own Keycloak is ever written to.

import { randomBytes } from "node:crypto";
import { failWith } from "../rig/console/steps.ts";
import { adminPassword, basePath, localKeycloakUrl } from "../rig/keycloak/local.ts";
import { TestRealm } from "../rig/keycloak/realm.ts";
import { answers } from "../rig/keycloak/server.ts";
import { runPulumi } from "../rig/pulumi/run.ts";

interface Enablement {
  realm: string;
  /** Null without a customer. */
  userId: string | null;
}

try {
  const url = await localKeycloakUrl();
  if (!(await answers(`${url}${basePath}/realms/master`))) {
    throw new Error("This clone's own Keycloak is not running: start it with 'npm start'.");
  }
  process.env.TEST_KEYCLOAK_URL = url;
  process.env.TEST_KEYCLOAK_PASSWORD = await adminPassword();
  const command = ["stack", "output", "--json", "--stack", "dev", "--non-interactive"];
  const { exitCode, stdout, stderr } = await runPulumi(command, { onLine: () => {} });
  if (exitCode !== 0) throw new Error(`The outputs of stack dev could not be read: ${stderr.trim()}`);
  const { enablements = {} }: { enablements?: Record<string, Enablement> } = JSON.parse(stdout);
  const customers = Object.values(enablements).filter(({ userId }) => userId);
  if (customers.length === 0) throw new Error("Stack dev has no customer to disable: run 'npm start' first.");
  for (const { realm: name, userId } of customers) {
    const realm = new TestRealm(name);
    const user = `/users/${userId}`;
    await realm.admin("PUT", user, { ...(await realm.admin("GET", user)), enabled: false });
    const value = randomBytes(24).toString("base64url");
    await realm.admin("PUT", `${user}/reset-password`, { type: "password", value, temporary: false });
    console.log(`In realm ${name} the customer is now disabled and has another password.`);
  }
} catch (error) {
  failWith(error);
}
