// What CHANGELOG.md says of one release.

/**
 * The text under a release's heading, as Keep a Changelog has it: `## [1.2.3] - 2026-12-24`.
 * @throws Error if the release has no heading with a date, or nothing is below it
 */
export function changesOf(changelog: string, version: string): string {
  const [, ...sections] = changelog.split(/^## /m);
  const section = sections.find((each) => each.startsWith(`[${version}]`));
  const [heading = "", ...lines] = section?.split("\n") ?? [];
  const isDated = /^\[[^\]]+\] - \d{4}-\d{2}-\d{2}$/.test(heading.trim());
  const changes = lines.join("\n").trim();
  if (isDated && changes) return changes;
  throw new Error(
    `CHANGELOG.md has ${section ? "nothing to say, or no date," : "no section"} for ${version}: write it under ` +
      `"## [${version}] - YYYY-MM-DD".`,
  );
}
