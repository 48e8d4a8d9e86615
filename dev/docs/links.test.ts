// Links between pages lead to a file and a heading that exist.
import { glob, readFile, stat } from "node:fs/promises";
import path from "node:path";
import test from "ava";
import { root } from "../../rig/machine/folders.ts";

/** What is not written here, and the template of docs/performance.md, whose links hold in docs/. */
const skipped = new Set(["node_modules", ".local", ".git", "dist", "bench"]);

test("every link from one page to another, or within a page, leads somewhere", async (t) => {
  const broken: string[] = [];
  let links = 0;
  for await (const page of glob("**/*.md", { cwd: root, exclude: (name) => skipped.has(name) })) {
    for (const target of await linksOf(page)) {
      links++;
      if (!(await leadsSomewhere(page, target))) broken.push(`${page}: ${target}`);
    }
  }
  t.true(links > 100, `${links} links found`);
  t.deepEqual(broken, []);
});

async function linksOf(page: string): Promise<string[]> {
  const links = [...(await proseOf(page)).matchAll(/\]\(([^)\s]+)\)|(?:href|src)="([^"]+)"/g)];
  const targets = links.map(([, link, attribute]) => link ?? attribute ?? "");
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

async function leadsSomewhere(page: string, target: string): Promise<boolean> {
  const [file = "", anchor] = target.split("#");
  const place = file ? path.join(path.dirname(page), decodeURI(file)) : page;
  if (!(await stat(path.join(root, place)).catch(() => undefined))) return false;
  return !anchor || (await anchorsOf(place)).includes(anchor);
}

/** As GitHub makes them from headings. */
async function anchorsOf(page: string): Promise<string[]> {
  const headings = [...(await proseOf(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) =>
    heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

const proseOf = async (page: string) =>
  (await readFile(path.join(root, page), "utf8")).replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
