// The same work as a kcadm.sh script. It has no preview and no way back.
import path from "node:path";
import { server } from "../../rig/keycloak/realm.ts";
import { ensureKeycloakDistribution } from "../../rig/keycloak/server.ts";
import { customer } from "../realms.ts";
import type { Command, Contestant } from "./contestant.ts";

export const kcadm: Contestant = {
  name: "kcadm",
  title: "kcadm.sh script",
  role: "peer",
  works: true,
  slow: true,
  rounds: (realms) => (realms === 1 ? Number.POSITIVE_INFINITY : 0),
  async prepare({ realms, folder }) {
    const distribution = await ensureKeycloakDistribution();
    const script: Command = {
      program: "bash",
      args: [
        path.join(import.meta.dirname, "..", "programs", "kcadm.sh"),
        ...realms.all.map(({ name }) => name),
      ],
      cwd: folder,
      env: {
        KCADM: path.join(distribution, "bin", "kcadm.sh"),
        CONFIG: path.join(folder, "kcadm.config"),
        SERVER: server.address,
        ADMIN: server.username,
        KC_CLI_PASSWORD: server.password,
        PASSWORD: customer.password,
      },
    };
    return { commands: { fresh: script, again: script } };
  },
};
