// Which Keycloaks this project is known to work with (docs/versions.md), and a word where one is another.
import semver from "semver";
import type { KeycloakSession } from "./session.ts";
import { warn } from "./warnings.ts";

/** `npm run test:matrix` runs on both and on releases between them. */
const tested = { oldest: "18.0.2", newest: "26.7.3" };

/** Warns once, and never refuses. Where the server does not tell this admin its version, nothing is said. */
export async function warnOfUntestedServer(session: KeycloakSession): Promise<void> {
  const version = await session.version();
  const how = version && untested(version);
  if (!how) return;
  await warn(
    `Keycloak at ${session.server} is ${version}, ${how} than what keycloak-apisix is tested with (${tested.oldest} to ${tested.newest}): look at the preview twice.`,
  );
}

/** How the version lies outside of what is tested; undefined where it does not, or is no version. */
export function untested(version: string): "older" | "newer" | undefined {
  const known = semver.coerce(version);
  if (!known || !/^\d+\.\d+/.test(version)) return undefined;
  if (semver.lt(known, tested.oldest)) return "older";
  // A patch release is no other Keycloak.
  const { major, minor } = semver.parse(tested.newest) as semver.SemVer;
  return semver.gt(known, `${major}.${minor}.999`) ? "newer" : undefined;
}
