// What a failed request says about when to try again.
import test from "ava";
import { retryAfter } from "./failures.ts";

const wait = (headers: Record<string, string>) => retryAfter(new Response("", { headers }));

test("Retry-After: seconds, or a date by the server's own clock", (t) => {
  t.is(wait({ "retry-after": "2" }), 2000);
  const date = "Wed, 01 Jan 2025 00:00:00 GMT";
  t.is(wait({ date, "retry-after": "Wed, 01 Jan 2025 00:00:03 GMT" }), 3000);
  t.is(wait({ date, "retry-after": "Tue, 31 Dec 2024 00:00:00 GMT" }), 0);
  t.is(wait({ date, "retry-after": "soon" }), undefined);
  t.is(wait({}), undefined);
});
