// Which server `npm start` means, and where its data is.
import path from "node:path";
import test from "ava";
import { local } from "../machine/folders.ts";
import { localFolder } from "./local.ts";
import { keycloakVersion } from "./server.ts";

function folderWith(version: string): string {
  process.env.KEYCLOAK_VERSION = version;
  return localFolder();
}

test.serial("another release keeps data and state apart from the pinned one's", (t) => {
  t.is(folderWith(""), local);
  t.is(folderWith(keycloakVersion), local);
  t.is(folderWith("19.0.1"), path.join(local, "19.0.1"));
});

test.serial("what is no release is refused, and the error says what to do", (t) => {
  for (const text of ["latest", "19", "../19.0.1"]) {
    t.throws(() => folderWith(text), {
      message: /^KEYCLOAK_VERSION is ".*", which is not a release.*unset it\.$/,
    });
  }
});
