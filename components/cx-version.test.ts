// What depends on the CX release.
import test from "ava";
import { wantsRole } from "./cx-version.ts";

test("role and role mappings come with CX 4.10.1", (t) => {
  for (const version of [undefined, "4.10.1", "4.11", "v5.0.0", "4.10.1-rc1"])
    t.true(wantsRole(version), version);
  for (const version of ["4.10", "4.10.0", "4.9.4", "3.0"]) t.false(wantsRole(version), version);
  for (const version of ["banana", "latest", "4", ""])
    t.throws(() => wantsRole(version), { message: /cxVersion/ });
});
