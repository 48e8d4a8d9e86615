// Searches for secrets in the clear, in every form that they may take.
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

/** The secrets that were found, as "name, form: place". Secrets and texts are given by their names. */
export function inTheClear(
  secrets: Readonly<Record<string, string>>,
  texts: Iterable<readonly [string, string]>,
): string[] {
  const all = [...texts];
  return Object.entries(secrets).flatMap(([what, value]) =>
    Object.entries(formsOf(value)).flatMap(([how, form]) =>
      all.filter(([, text]) => text.includes(form)).map(([where]) => `${what}, ${how}: ${where}`),
    ),
  );
}

function formsOf(value: string): Record<string, string> {
  // Base64 of the value inside a longer text: the three possible alignments, without the edges.
  const base64 = ["", "x", "xx"].map((before) =>
    Buffer.from(before + value)
      .toString("base64")
      .slice(before === "" ? 0 : 4, -4),
  );
  return {
    plain: value,
    "in JSON in JSON": JSON.stringify(JSON.stringify(value)).slice(3, -3),
    urlencoded: encodeURIComponent(value),
    "form-encoded": new URLSearchParams({ "": value }).toString().slice(1),
    "in Go's JSON": value.replaceAll("&", "\\u0026"),
    ...Object.fromEntries(base64.map((form, index) => [`base64 ${index}`, form])),
  };
}

/** All files below the folder, by their path. Links are not followed. */
export async function filesIn(folder: string): Promise<[string, string][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async ({ parentPath, name }): Promise<[string, string]> => {
        const file = path.join(parentPath, name);
        return [path.relative(folder, file), await readFile(file, "latin1")];
      }),
  );
}
