import { access, readFile } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { root } from "../../rig/machine/folders.ts";
import { addressOf, type Manifest, publishedManifest, publishedReadme, requireAddress } from "./published.ts";

const manifest: Manifest = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
const at = (host: string): Manifest => ({
  ...manifest,
  repository: { url: `git+https://${host}/owner/keycloak-apisix.git` },
});

test("homepage and issues are those of the repository", (t) => {
  const published = JSON.parse(publishedManifest(at("github.com")));
  t.is(published.homepage, "https://github.com/owner/keycloak-apisix#readme");
  t.deepEqual(published.bugs, { url: "https://github.com/owner/keycloak-apisix/issues" });
  t.deepEqual(published.repository, at("github.com").repository);
});

test("only a host below .invalid is no address", (t) => {
  t.notThrows(() => requireAddress(at("github.com")));
  t.notThrows(() => requireAddress(at("invalid.example.com")));
  t.throws(() => requireAddress(at("repository.invalid")), {
    message: /still the placeholder https:\/\/repository\.invalid\/owner\/keycloak-apisix\./,
  });
});

test("a published link leads to its release in the repository, unless it is whole already", (t) => {
  const page = "![start](docs/start.svg) [a](docs/a.md#b) [c](#c) [d](https://example.com/d) [e]: `f(g)`";
  const release = `v${manifest.version}`;
  t.is(
    publishedReadme(page, at("github.com")),
    `![start](https://github.com/owner/keycloak-apisix/raw/${release}/docs/start.svg) ` +
      `[a](https://github.com/owner/keycloak-apisix/blob/${release}/docs/a.md#b) ` +
      "[c](#c) [d](https://example.com/d) [e]: `f(g)`",
  );
});

test("every link of the published README is whole, and names a file of the repository", async (t) => {
  const page = publishedReadme(await readFile(path.join(root, "README.md"), "utf8"), manifest);
  const targets = [...page.matchAll(/\]\(([^)]*)\)|\b(?:src|href)="([^"]*)"/g)].map(
    ([, link, attribute]) => link ?? attribute ?? "",
  );
  t.true(targets.length > 20, `${targets.length} links found`);
  for (const target of targets.filter((each) => !each.startsWith("#"))) {
    const { href, pathname } = new URL(target);
    if (!href.startsWith(addressOf(manifest))) continue;
    const [, file = ""] = pathname.split(`/v${manifest.version}/`);
    await t.notThrowsAsync(access(path.join(root, file)), target);
  }
});
