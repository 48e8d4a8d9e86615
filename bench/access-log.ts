// How many requests Keycloak received, by its own access log: it has every request, whoever sent it.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { server } from "../rig/keycloak/realm.ts";

/** Options that make a Keycloak write one. */
export const accessLogOptions = {
  extraArgs: ["enabled=true", "file-enabled=true", "file-rotate=false"].map(
    (on) => `--http-access-log-${on}`,
  ),
  env: { KC_HTTP_ACCESS_LOG_PATTERN: "%r" },
};

/** The admin's own login and logout, once a command however many realms there are. */
const session = /^POST \S+\/realms\/master\/protocol\/openid-connect\/(token|logout)/;

/** @returns a function that counts the requests since its last call, the admin's login and logout apart */
export function requestCounter(home: string): () => Promise<number> {
  const file = path.join(home, "data", "log", "keycloak-http-access.log");
  let offset = 0;
  let marks = 0;
  return async () => {
    // Keycloak writes the log with a delay: once a request of our own is in it, everything before is, too.
    const mark = `bench=${++marks}`;
    await (await fetch(`${server.address}/realms/master?${mark}`)).arrayBuffer();
    for (let looks = 0; looks < 1500; looks += 1) {
      const lines = (await readFile(file, "latin1")).slice(offset).split("\n").slice(0, -1);
      const end = lines.findIndex((line) => line.includes(`?${mark} `));
      if (end >= 0) {
        offset += lines.slice(0, end + 1).join("\n").length + 1;
        return lines.slice(0, end).filter((line) => !session.test(line)).length;
      }
      await sleep(20);
    }
    throw new Error("Keycloak has not written its access log within 30 seconds.");
  };
}
