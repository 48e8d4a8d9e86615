import test from "ava";
import { changesOf } from "./changelog.ts";

const changelog = `# Changelog

## [Unreleased]

## [1.10.0] - 2027-01-02

### Added

- Something.

## [1.1.0] - 2026-12-24

- Something else.

## [1.0.0]

- Without a date.
`;

test("a release's changes are those below its own heading", (t) => {
  t.is(changesOf(changelog, "1.10.0"), "### Added\n\n- Something.");
  t.is(changesOf(changelog, "1.1.0"), "- Something else.");
});

test("a release without a section, a date or a change is refused", (t) => {
  t.throws(() => changesOf(changelog, "1.1"), { message: /has no section for 1\.1: .*"## \[1\.1\] - YYYY/ });
  t.throws(() => changesOf(changelog, "1.0.0"), { message: /no date, for 1\.0\.0/ });
  t.throws(() => changesOf("## [2.0.0] - 2027-02-03\n\n## [1.0.0]\n", "2.0.0"), { message: /for 2\.0\.0/ });
});
