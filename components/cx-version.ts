// What a CX release needs in the realm.
import semver from "semver";
import { Failure } from "./failure.ts";

/** From this release on the customer has a role and role mappings (guide). */
const firstWithRole = "4.10.1";

/** Completes the sentence "cxVersion must be …". */
export const cxVersionShape = 'a string, in quotes, like "4.10": without them YAML reads 4.10 as 4.1';
/** What is left of 4.10 to 4.60. CX had no APISIX before 4.7. */
const perhapsCut = /^v?4\.[1-6]$/i;

/**
 * Does this CX release need the realm role and the role mappings?
 * @param cxVersion like `4.10.1`, `4.10` or `v5.0.0`; undefined means the newest
 * @throws Failure if it is not a version, or YAML has perhaps changed it.
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
  if (perhapsCut.test(cxVersion.trim())) {
    throw new Failure(
      `cxVersion "${cxVersion}" may be ${cxVersion}0, which YAML reads as ${cxVersion} without quotes: write "${cxVersion}0" or, if it is not, "${cxVersion}.0".`,
    );
  }
  return semver.gte(version, firstWithRole);
}
