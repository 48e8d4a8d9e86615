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

test("a release that YAML has taken for a number is refused, with the quotes to write", (t) => {
  // From JavaScript, or a configuration that nobody has checked.
  t.throws(() => wantsRole(JSON.parse("4.10")), {
    message: 'cxVersion must be a string, in quotes, like "4.10": without them YAML reads 4.10 as 4.1.',
  });
  // What the CLI makes of it when it writes the stack's file.
  t.throws(() => wantsRole("4.2"), {
    message:
      'cxVersion "4.2" may be 4.20, which YAML reads as 4.2 without quotes: write "4.20" or, if it is not, "4.2.0".',
  });
  t.notThrows(() => wantsRole("4.2.0"));
});
