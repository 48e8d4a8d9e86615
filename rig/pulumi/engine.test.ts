// Pulumi's launcher downloads the CLI: it writes the vendor's installer into the temporary folder, and runs it.
import { mkdir, mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { execa } from "execa";
import { root, windows } from "../machine/folders.ts";
import { engineVersion } from "./engine.ts";

/** In place of the vendor's: says from where it runs, and installs programs that do nothing. */
const installer = `#!/bin/sh
PATH=/bin:/usr/bin
while [ "$1" != --install-root ]; do shift; done
mkdir -p "$2/bin"
for name in pulumi pulumi-language-nodejs; do
  printf '#!/bin/sh\\n' > "$2/bin/$name"
  chmod 755 "$2/bin/$name"
done
{ dirname "$0"; ls -ld "$(dirname "$0")"; } > "$SEEN"
`;

(windows ? test.skip : test)("the installer runs in a folder that nobody else can write to", async (t) => {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), "engine-")));
  t.teardown(() => rm(folder, { recursive: true }));
  const home = path.join(folder, "home");
  const shared = path.join(folder, "shared");
  const seen = path.join(folder, "seen");
  await mkdir(shared);
  const fetched = `globalThis.fetch = async () => new Response(${JSON.stringify(installer)})`;
  const engine = JSON.stringify(path.join(import.meta.dirname, "engine.ts"));
  await execa(
    process.execPath,
    ["--input-type=module", "--eval", `await (await import(${engine})).ensureEngine()`],
    {
      env: {
        PATH: "",
        PULUMI_HOME: home,
        TMPDIR: shared,
        SEEN: seen,
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fetched)}`,
      },
      extendEnv: false,
    },
  );
  const [where = "", listed = ""] = (await readFile(seen, "utf8")).split("\n");
  t.regex(listed, /^drwx------/);
  await t.throwsAsync(readdir(where), { code: "ENOENT" }, "it is removed");
  t.deepEqual(await readdir(shared), []);
  const installed = await readdir(path.join(home, "versions"), { recursive: true });
  t.deepEqual(
    installed.toSorted(),
    ["", "bin", "bin/pulumi", "bin/pulumi-language-nodejs"].map((name) => path.join(engineVersion, name)),
  );
});

test("the CLI, its SDK, and the Go module that it is built from are the same release", async (t) => {
  const sdk = await readFile(path.join(root, "node_modules", "@pulumi", "pulumi", "package.json"), "utf8");
  t.is(JSON.parse(sdk).version, engineVersion);
  const module = await readFile(path.join(root, "rig", "go", "cli", "go.mod"), "utf8");
  t.is(
    /pulumi\/pkg\/v3 v(\S+)/.exec(module)?.[1],
    engineVersion,
    `run "go get -tool github.com/pulumi/pulumi/pkg/v3/cmd/pulumi@v${engineVersion} && go mod tidy" in rig/go/cli`,
  );
});
