// What the server says of its release, and to whom.
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

test.serial("told to an admin of the server", async (t) => {
  t.is(await versionAs(connection), process.env.TEST_KEYCLOAK_VERSION);
});

test.serial("told to an admin of one realm with the rights that README asks for", async (t) => {
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
});

test.serial("nothing where the server cannot be asked", async (t) => {
  t.is(await versionAs({ ...connection, "keycloak:url": "http://localhost:9" }), undefined);
});
