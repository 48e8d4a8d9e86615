// The Keycloak releases that this project is tested on (docs/versions.md), and a warning about any other.
import semver from "semver";
import type { KeycloakSession } from "./session.ts";

/** `npm run test:matrix` runs on both and on releases between them. */
const tested = { oldest: "18.0.2", newest: "26.7.3" };

/** Warns, and never refuses. */
export async function warnOfUntestedRelease(session: KeycloakSession): Promise<void> {
  const { server, warn } = session;
  const version = await session.release();
  const how = version && untested(version);
  if (!how) return;
  await warn(
    `Keycloak at ${server} is ${version}, ${how} than what keycloak-apisix is tested with (${tested.oldest} to ${tested.newest}): read the preview with care.`,
  );
}

/** Older or newer than what is tested; undefined if it is neither, or no version. */
export function untested(version: string): "older" | "newer" | undefined {
  const known = semver.coerce(version);
  if (!known || !/^\d+\.\d+/.test(version)) return undefined;
  if (semver.lt(known, tested.oldest)) return "older";
  // A patch release does not count as newer.
  const { major, minor } = new semver.SemVer(tested.newest);
  return semver.gt(known, `${major}.${minor}.999`) ? "newer" : undefined;
}
