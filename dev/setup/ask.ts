// Asks the operator, who has a terminal. What is secret is not shown while it is typed.

import { stdin, stdout } from "node:process";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";

export const hasTerminal = () => stdin.isTTY === true && stdout.isTTY === true;

export function ask(question: string, { hidden = false } = {}): Promise<string> {
  const output = new Writable({
    write(chunk, _encoding, done) {
      // Readline repeats the question with every key.
      if (!hidden) stdout.write(chunk);
      done();
    },
  });
  // From here on the terminal itself shows nothing that is typed.
  const lines = createInterface({ input: stdin, output, terminal: true });
  if (hidden) stdout.write(question);
  const abort = new AbortController();
  lines.on("SIGINT", () => abort.abort());
  return lines
    .question(hidden ? "" : question, { signal: abort.signal })
    .catch(() => {
      throw new Error("Stopped.");
    })
    .finally(() => {
      lines.close();
      if (hidden) stdout.write("\n");
    });
}
