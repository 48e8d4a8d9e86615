// What `npm run cx-values` prints: every route, whether it is secured, and why not. No value of a block is in it.

import type { Change, RouteReport } from "./rewrite.ts";

export interface Listed {
  readonly routes: readonly RouteReport[];
  /** `client 'cim' of realm 'expertflow'` */
  readonly owner: string;
  /** Only look, change nothing. */
  readonly check: boolean;
}

const differences: Readonly<Record<Change["how"], string>> = {
  added: "is missing",
  replaced: "differs from the stack",
  "taken out": "is still there",
};

export function listText({ routes, owner, check }: Listed): string {
  const width = Math.max(0, ...routes.map(({ route }) => route.length));
  const stateOf = ({ changes, state }: RouteReport) => (check && changes.length > 0 ? "differs" : state);
  const lines = ({ route, changes, notes }: RouteReport) => {
    const changed = changes.map(({ plugin, how }) => `${plugin} ${check ? differences[how] : how}`);
    const said = changed.length + notes.length > 0 ? [...changed, ...notes] : ["unchanged"];
    return `  ${route.padEnd(width)}  ${said.join("; ")}`;
  };
  const groups = [
    ["differs", "To be changed"],
    ["secured", `Secured with ${owner}`],
    ["other", "Left with the block of another realm or client"],
    ["open", "Left open"],
  ] as const;
  return groups
    .map(([state, title]) => [title, routes.filter((route) => stateOf(route) === state)] as const)
    .filter(([, group]) => group.length > 0)
    .map(([title, group]) => `${title} (${group.length}):\n${group.map(lines).join("\n")}`)
    .join("\n\n");
}
