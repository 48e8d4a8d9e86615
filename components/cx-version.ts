// What a CX release needs in the realm.
import semver from "semver";
import { Failure } from "./failure.ts";

/** From this release on the customer has a role and role mappings (guide). */
const firstWithRole = "4.10.1";

/**
 * Does this CX release need the realm role and the role mappings?
 * @param cxVersion like `4.10.1`, `4.10` or `v5.0.0`; undefined means the newest
 * @throws Failure if it is not a version.
 */
export function wantsRole(cxVersion: string | undefined): boolean {
  if (cxVersion === undefined) return true;
  const known = /^v?\d+\.\d+(\.\d+)?([-+].*)?$/i.test(cxVersion.trim());
  const version = known ? semver.coerce(cxVersion) : null;
  if (!version) {
    throw new Failure(
      `Unknown cxVersion '${cxVersion}': write the CX release as numbers, like ${firstWithRole}, or leave it out for the newest.`,
    );
  }
  return semver.gte(version, firstWithRole);
}
