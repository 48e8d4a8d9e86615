// Sorts the CLI's lines for `npm start`: what is done is shown while it runs, what is to be known at the end. No line is
// in both.

import { builtPluginWarning } from "../../rig/pulumi/engine.ts";

/** What goes on, also of a warning or an error, which the CLI repeats in full under "Diagnostics". */
const isProgress =
  /^ *\S* +\S+:\S+ \S+ (creating|updating|deleting|replacing|reading|refreshing|running|\*\*)( |$|\w)/;

/** How many there are is not shown: each is. Of a resource about which nothing else is said, nothing is left. */
const count = / \d+ (warnings?|errors?|messages?);?$/;
const isEmptied = /^ +\S+:\S+ \S+ +$/;

const isHeading = (line: string) => /^ {2}\S+ \(.+\):$/.test(line.trimEnd());

export class Lines {
  /** Warnings and errors, each under the resource that they are about. */
  readonly diagnostics: string[] = [];
  readonly #show: (line: string) => void;
  #isDiagnostics = false;
  #heading: string | undefined;

  constructor(show: (line: string) => void) {
    this.#show = show;
  }

  add(full: string): void {
    const line = full.replace(count, "");
    if (line.trim() === "" || line.startsWith("@ ") || builtPluginWarning.test(line)) return;
    // The section ends where a line is not indented.
    if (!line.startsWith(" ")) this.#isDiagnostics = line.startsWith("Diagnostics:");
    if (line.startsWith("Diagnostics:")) return;
    if (this.#isDiagnostics && isHeading(line)) {
      this.#heading = line;
    } else if (this.#isDiagnostics || line.startsWith("error:")) {
      // A heading is shown only if something follows it.
      if (this.#heading) this.diagnostics.push(this.#heading);
      this.#heading = undefined;
      this.diagnostics.push(line);
    } else if (!isProgress.test(line) && !(line !== full && isEmptied.test(line))) this.#show(line);
  }
}
