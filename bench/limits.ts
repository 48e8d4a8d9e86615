// The limits to keep: the only table for both the report and the exit code.
import type { Name, Operation } from "./contestants/contestant.ts";
import { type Figure, floorInPlace, type Limit, type Metric } from "./figures.ts";

const ours: Name = "keycloak-apisix";
const floor: Name = "idle-resources";

const figure = (realms: number, contestant: Name, operation: Operation, metric: Metric): Figure => ({
  realms,
  contestant,
  operation,
  metric,
});

/** Our wall time against another contestant's. */
function time(
  realms: number,
  operation: Operation,
  than: Name,
  thanOperation: Operation,
  limit: number,
): Limit {
  return {
    title: titles[operation],
    of: figure(realms, ours, operation, "seconds"),
    than: figure(realms, than, thanOperation, "seconds"),
    limit,
  };
}

const titles: Readonly<Record<Operation, string>> = {
  fresh: "fresh `up`, token check included",
  again: "`up` with nothing to do",
  preview: "`preview` with nothing to do",
  drift: "`preview` with drift",
  destroy: "`destroy`",
};

const nothingToDo: readonly Operation[] = ["preview", "again"];

export const limits: readonly Limit[] = [
  ...nothingToDo.flatMap((operation) => [
    time(1, operation, floor, operation, 1.25),
    time(1, operation, "pulumi-keycloak", "preview", 0.45),
    time(1, operation, "config-cli", "again", 0.7),
    time(1, operation, "kcadm", "again", 0.3),
  ]),
  time(1, "fresh", "pulumi-keycloak", "fresh", 0.7),
  time(1, "fresh", "config-cli", "fresh", 0.8),
  time(50, "preview", floor, "preview", 1.5),
  time(50, "preview", "pulumi-keycloak", "preview", 0.4),
  time(50, "fresh", floor, "fresh", 1.4),
  time(50, "fresh", "pulumi-keycloak", "fresh", 1),
  ...(["fresh", "again", "preview", "drift", "destroy"] as const).map((operation) => ({
    title: `${titles[operation]}, time a realm`,
    of: figure(50, ours, operation, "secondsPerRealm"),
    than: figure(10, ours, operation, "secondsPerRealm"),
    limit: 1,
  })),
  ...[1, 50].flatMap((realms) => [
    {
      title: "`preview` with nothing to do, requests a realm (login and logout apart)",
      of: figure(realms, ours, "preview", "requestsPerRealm"),
      limit: 6,
    },
    ...(["fresh", "preview"] as const).map((operation) => ({
      title: `${titles[operation]}, logins of the admin`,
      of: figure(realms, ours, operation, "logins"),
      limit: 1,
    })),
  ]),
  {
    title: "state after `up`",
    of: figure(50, ours, "fresh", "state"),
    than: figure(50, "pulumi-keycloak", "fresh", "state"),
    limit: 2,
  },
  ...[1, 50].flatMap((realms) =>
    (["fresh", "preview"] as const).map((operation) => ({
      title: `${titles[operation]}, peak memory`,
      of: figure(realms, ours, operation, "memory"),
      than: figure(realms, "pulumi-keycloak", operation, "memory"),
      limit: 1,
    })),
  ),
];

/** The operations that must run at this size for the limits to be judged. */
export function neededAt(realms: number): ReadonlyMap<Name, ReadonlySet<Operation>> {
  const needed = new Map<Name, Set<Operation>>();
  const judged = limits.flatMap((limit) => {
    const { of, than } = limit;
    // The floor runs as well, because it decides whether we can reach a limit.
    return [of, ...(than ? [than] : []), ...Object.values(floorInPlace(limit) ?? {})];
  });
  for (const each of judged) {
    if (each.realms !== realms) continue;
    const operations = needed.get(each.contestant) ?? new Set();
    needed.set(each.contestant, operations.add(each.operation));
  }
  return needed;
}
