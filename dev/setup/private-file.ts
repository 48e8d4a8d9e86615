// A file that only its owner may read, whatever was there before.

import { chmod, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";

export async function writePrivately(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await chmod(file, 0o600).catch(() => {});
  await writeFile(file, text, { mode: 0o600 });
}
