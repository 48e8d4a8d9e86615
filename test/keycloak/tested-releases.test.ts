// Which admins learn the server's release.
import test from "ava";
import { Sessions } from "../../components/keycloak/sessions.ts";
import { Corner, deleteRealm, sharedRealm } from "../support/corner.ts";
import { connection } from "../support/engine.ts";

test.before(async () => {
  await sharedRealm();
});
test.after.always(deleteRealm);

function versionAs(config: Readonly<Record<string, string>>): Promise<string | undefined> {
  const sessions = new Sessions(
    (key) => config[key],
    async () => {},
  );
  return sessions.realm("master").session.release();
}

test.serial("an admin of the server learns the release", async (t) => {
  t.is(await versionAs(connection), process.env.TEST_KEYCLOAK_VERSION);
});

test.serial(
  "an admin of one realm with the rights that the README asks for learns the release",
  async (t) => {
    const corner = await Corner.of(t);
    const password = "an admin's password";
    const username = await corner.makeRealmAdmin(t, password, [
      "manage-users",
      "manage-clients",
      "manage-realm",
    ]);
    const config = { "keycloak:realm": corner.realm.name, "keycloak:username": username };
    t.is(
      await versionAs({ ...connection, ...config, "keycloak:password": password }),
      process.env.TEST_KEYCLOAK_VERSION,
    );
  },
);

test.serial("a server that cannot be reached has no known release", async (t) => {
  t.is(await versionAs({ ...connection, "keycloak:url": "http://localhost:9" }), undefined);
});
