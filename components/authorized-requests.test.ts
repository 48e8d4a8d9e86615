// Which requests are understood, and what is said about the others.
import test from "ava";
import { parsedRequest, problemWith } from "./authorized-requests.ts";

test("a request is a method and a concrete path, perhaps with a query", (t) => {
  t.deepEqual(parsedRequest("GET /ccm/channels"), { method: "GET", path: "/ccm/channels" });
  t.deepEqual(parsedRequest("DELETE /ccm/channels/7?force=true"), {
    method: "DELETE",
    path: "/ccm/channels/7?force=true",
  });
  t.is(problemWith(["GET /", "POST /", "GET /a", "GET /a/"]), undefined);
  t.is(problemWith([]), undefined);
});

test("anything else is refused by name", (t) => {
  for (const text of [
    "GET ccm",
    "FETCH /x",
    "get /x",
    "GET",
    "/x",
    "GET  /x",
    "GET /x y",
    "GET /x#y",
    "GET /x/*",
    "GET /x/{id}",
    "GET https://cx/x",
    " GET /x",
    "",
  ]) {
    const problem = problemWith(["GET /ok", text]);
    t.true(problem?.startsWith(`has '${text}', which is not a method (GET, `), problem);
  }
  t.is(problemWith(["GET /a", "POST /a", "GET /a"]), "has 'GET /a' twice.");
});
