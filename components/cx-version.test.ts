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

test("what is perhaps left of a release without quotes is refused, with the quotes to write", (t) => {
  // What the CLI makes of it when it writes the stack's file.
  t.throws(() => wantsRole("4.2"), {
    message:
      'cxVersion "4.2" may be 4.20, which YAML reads as 4.2 without quotes: write "4.20" or, if it is not, "4.2.0".',
  });
  t.notThrows(() => wantsRole("4.2.0"));
});
