// The bench's arithmetic: medians, ratios within a round, and which runs fail.
import test from "ava";
import { exitCodeOf, figureOf, type Limit, ratioOf, type Sample, spreadOf, verdicts } from "./figures.ts";
import { limits, neededAt } from "./limits.ts";

const sample = (
  contestant: Sample["contestant"],
  round: number,
  seconds: number,
  more: Partial<Sample> = {},
): Sample => ({ realms: 1, round, contestant, operation: "preview", seconds, ...more });

const ours = { realms: 1, contestant: "keycloak-apisix", operation: "preview", metric: "seconds" } as const;
const floor = { ...ours, contestant: "idle-resources" } as const;

test("a median is the middle value, or halfway between the two in the middle; an outlier does not move it", (t) => {
  t.deepEqual(spreadOf([3, 1, 100]), { median: 3, min: 1, max: 100, count: 3 });
  t.deepEqual(spreadOf([4, 1, 2, 9]), { median: 3, min: 1, max: 9, count: 4 });
  t.is(spreadOf([]), undefined);
});

test("a ratio is taken round by round: a slow round slows both sides", (t) => {
  const samples = [
    sample("keycloak-apisix", 1, 2),
    sample("keycloak-apisix", 2, 20),
    sample("keycloak-apisix", 3, 3),
    sample("idle-resources", 1, 1),
    sample("idle-resources", 2, 10),
    sample("idle-resources", 3, 3),
    // One is alone in its round, one is of another size: neither has a counterpart.
    sample("idle-resources", 4, 1000),
    sample("idle-resources", 1, 1000, { realms: 10 }),
  ];
  t.deepEqual(ratioOf(samples, ours, floor), { median: 2, min: 1, max: 2, count: 3 });
});

test("growth is the ratio of the times per realm, whatever the rounds", (t) => {
  const grown = { ...ours, realms: 50, metric: "secondsPerRealm" } as const;
  const samples = [
    ...[1, 2, 3].map((round) => sample("keycloak-apisix", round, 10, { realms: 10 })),
    sample("keycloak-apisix", 7, 100, { realms: 50 }),
  ];
  t.is(ratioOf(samples, grown, { ...grown, realms: 10 })?.median, 2);
});

test("requests per realm count neither login nor logout", (t) => {
  const samples = [sample("keycloak-apisix", 1, 1, { realms: 10, requests: 52, logins: 1, logouts: 1 })];
  t.is(figureOf(samples, { ...ours, realms: 10, metric: "requestsPerRealm" })?.median, 5);
});

test("a missed limit fails the run, an unmeasured one does not, and a run without measurements fails", (t) => {
  const limit: Limit = { title: "", of: ours, than: floor, limit: 1.25 };
  const judged = (seconds: number) =>
    verdicts([sample("keycloak-apisix", 1, seconds), sample("idle-resources", 1, 1)], [limit]);
  t.is(judged(1.25)[0]?.result, "met");
  t.is(exitCodeOf(judged(1.25)), 0);
  t.is(judged(1.26)[0]?.result, "missed");
  t.is(exitCodeOf(judged(1.26)), 1);
  const alone = verdicts([sample("keycloak-apisix", 1, 1)], [limit]);
  t.is(alone[0]?.result, "not measured");
  t.is(exitCodeOf([...judged(1), ...alone]), 0);
  t.is(exitCodeOf(alone), 1);
});

test("a limit against a peer also shows what the engine alone would need", (t) => {
  const peer = { ...ours, contestant: "pulumi-keycloak" } as const;
  const limit: Limit = { title: "", of: ours, than: peer, limit: 0.5 };
  const samples = [
    sample("keycloak-apisix", 1, 4),
    sample("pulumi-keycloak", 1, 4),
    sample("idle-resources", 1, 3),
  ];
  t.is(verdicts(samples, [limit])[0]?.floor, 0.75);
  t.is(verdicts(samples, [limit])[0]?.result, "missed");
  t.is(exitCodeOf(verdicts(samples, [limit])), 0, "the engine alone misses it");
  t.is(exitCodeOf(verdicts(samples, [{ ...limit, limit: 0.8 }])), 1, "the engine alone would not");
  t.is(verdicts(samples, [{ ...limit, than: floor }])[0]?.floor, undefined);
});

test("a limit on our own growth also shows the growth of the floor", (t) => {
  const grown = { ...ours, realms: 50, metric: "secondsPerRealm" } as const;
  const limit: Limit = { title: "", of: grown, than: { ...grown, realms: 10 }, limit: 1 };
  const judged = (seconds: number) =>
    verdicts(
      [
        sample("keycloak-apisix", 1, 10, { realms: 10 }),
        sample("keycloak-apisix", 1, 100, { realms: 50 }),
        sample("idle-resources", 1, 10, { realms: 10 }),
        sample("idle-resources", 1, seconds, { realms: 50 }),
      ],
      [limit],
    );
  t.is(judged(75)[0]?.floor, 1.5);
  t.is(exitCodeOf(judged(75)), 0, "the engine itself grows more than linearly");
  t.is(exitCodeOf(judged(25)), 1, "the engine itself does not");
});

test("limits at sizes that did not run are not judged", (t) => {
  const limit: Limit = { title: "", of: { ...ours, realms: 50 }, limit: 1 };
  t.deepEqual(verdicts([sample("keycloak-apisix", 1, 1)], [limit]), []);
});

test("a limit without a counterpart applies to the figure itself", (t) => {
  const limit: Limit = { title: "", of: { ...ours, metric: "logins" }, limit: 1 };
  const judged = (logins: number) =>
    verdicts([sample("keycloak-apisix", 1, 1, { logins })], [limit])[0]?.result;
  t.is(judged(1), "met");
  t.is(judged(2), "missed");
});

test("--quick runs what the limits at one realm need", (t) => {
  const needed = neededAt(1);
  t.deepEqual([...(needed.get("keycloak-apisix") ?? [])].sort(), ["again", "fresh", "preview"]);
  t.deepEqual([...(needed.get("kcadm") ?? [])], ["again"]);
  t.true(needed.get("idle-resources")?.has("fresh"), "the engine's floor");
  t.is(needed.get("empty-program"), undefined);
  t.true(limits.filter(({ of }) => of.realms === 1).length >= 10);
});
