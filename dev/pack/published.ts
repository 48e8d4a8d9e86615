// What differs between the repository's files and the published ones.

/** The files that are replaced while npm packs. */
export const replaced = ["package.json", "README.md"] as const;
/** Their texts. */
export type Files = Readonly<Record<(typeof replaced)[number], string>>;

/** What package.json says that decides about the published files. */
export interface Manifest {
  readonly version: string;
  /** The only place that knows the repository's address. */
  readonly repository: { readonly url: string };
  readonly exports: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

/** The repository's address as a browser opens it. */
export function addressOf({ repository }: Manifest): string {
  return repository.url.replace(/^git\+/, "").replace(/\.git$/, "");
}

/**
 * Checks that the repository has an address. Until somebody sets it, package.json names a host below `.invalid`, which
 * cannot exist (RFC 2606).
 * @throws Error if it has none: every link on the package's page would lead nowhere
 */
export function requireAddress(manifest: Manifest): void {
  const address = addressOf(manifest);
  if (!new URL(address).hostname.endsWith(".invalid")) return;
  throw new Error(
    `Nothing was published: package.json's repository is still the placeholder ${address}. Set it with ` +
      "'npm pkg set repository.url=git+https://github.com/OWNER/keycloak-apisix.git', and commit that.",
  );
}

/** The published files, made of the repository's own. */
export function published(own: Files): Files {
  const manifest: Manifest = JSON.parse(own["package.json"]);
  return {
    "package.json": publishedManifest(manifest),
    "README.md": publishedReadme(own["README.md"], manifest),
  };
}

/** With entry points in dist/, and without what matters only in the repository. */
export function publishedManifest(manifest: Manifest): string {
  const {
    scripts: _scripts,
    workspaces: _workspaces,
    devDependencies: _devDependencies,
    ava: _ava,
    exports,
    ...rest
  } = manifest;
  const address = addressOf(manifest);
  const built = (source: string, extension: string) =>
    source.replace(/^\.\/components\//, "./dist/").replace(/\.ts$/, extension);
  const entryPoints = Object.entries(exports).map(([name, source]) => [
    name,
    source.endsWith(".ts") ? { types: built(source, ".d.ts"), default: built(source, ".js") } : source,
  ]);
  const main = exports["."] ?? "";
  const all = {
    ...rest,
    homepage: `${address}#readme`,
    bugs: { url: `${address}/issues` },
    // For tools that do not read `exports`, such as TypeScript with `moduleResolution: node`.
    main: built(main, ".js"),
    types: built(main, ".d.ts"),
    exports: Object.fromEntries(entryPoints),
  };
  return `${JSON.stringify(all, undefined, 2)}\n`;
}

/** The published README: its links lead to this release in the repository, because the package has no other document. */
export function publishedReadme(text: string, manifest: Manifest): string {
  const release = (kind: "blob" | "raw") => `${addressOf(manifest)}/${kind}/v${manifest.version}`;
  return text.replaceAll(
    /(!?)(\[[^\]]*\])\((?![a-z]+:|#)([^)\s]+)\)/g,
    (_, image: string, label: string, target: string) =>
      `${image}${label}(${release(image ? "raw" : "blob")}/${target})`,
  );
}
