// What a failed request says about when to try again, and what Keycloak's answer is in words.
import test from "ava";
import { answerInWords, retryAfter } from "./failures.ts";

const wait = (headers: Record<string, string>) => retryAfter(new Response("", { headers }));

test("Retry-After: seconds, or a date by the server's own clock", (t) => {
  t.is(wait({ "retry-after": "2" }), 2000);
  const date = "Wed, 01 Jan 2025 00:00:00 GMT";
  t.is(wait({ date, "retry-after": "Wed, 01 Jan 2025 00:00:03 GMT" }), 3000);
  t.is(wait({ date, "retry-after": "Tue, 31 Dec 2024 00:00:00 GMT" }), 0);
  t.is(wait({ date, "retry-after": "soon" }), undefined);
  t.is(wait({}), undefined);
});

test("an answer in words names the attributes that the user profile refuses, and no value", (t) => {
  t.is(answerInWords({ errorMessage: "User exists with same email" }), "User exists with same email");
  t.is(answerInWords({ error: "invalid_grant", error_description: "Account disabled" }), "Account disabled");
  const site = { field: "site", errorMessage: "error-invalid-value", params: ["site", "west"] };
  t.is(answerInWords(site), "site: error-invalid-value");
  const cost = { field: "cost", errorMessage: "error-user-attribute-required", params: ["cost"] };
  const both = "site: error-invalid-value, cost: error-user-attribute-required";
  t.is(answerInWords({ errors: [site, cost] }), both);
  t.is(answerInWords("a page"), undefined);
});
