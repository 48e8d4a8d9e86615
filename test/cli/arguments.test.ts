// What a program gives the component and only shows when it runs: refused in one sentence of ours that names the argument.
import test from "ava";
import { given } from "../support/given.ts";

const theirs = `pulumi.output("x").apply(() => { throw new Error("theirs failed"); })`;
/** Arguments as source text, and what the refusal says. */
const refused: readonly (readonly [args: string, says: string])[] = [
  ["undefined", "arguments are missing: give at least realm."],
  [`{ realm: undefined, customerPassword: "pw" }`, "realm is empty or undefined: see where the program"],
  [`{ realm: pulumi.output(undefined), customerPassword: "pw" }`, "realm is empty or undefined: see where"],
  [`{ realm: pulumi.output(4711), customerPassword: "pw" }`, "realm must be a string."],
  [`{ realm: REALM, customerPassword: pulumi.secret(4711) }`, "customerPassword must be a string."],
  [
    `{ realm: ${theirs}, customerPassword: "pw" }`,
    "realm cannot be read, because what the program gives for it has failed: theirs failed",
  ],
  [
    `{ realm: Promise.reject(new Error("theirs failed")), customerPassword: "pw" }`,
    "realm cannot be read, because what the program gives for it has failed: theirs failed",
  ],
  [
    // Personal data, which may be configured as a secret.
    `{ realm: REALM, customerPassword: "pw", customerProfile: { email: ${theirs} } }`,
    "customerProfile cannot be read, because what the program gives for it has failed.",
  ],
  [
    // Whoever parses a secret may find it in the message.
    `{ realm: REALM, customerPassword: pulumi.secret("s3cret").apply((text) => JSON.parse(text).password) }`,
    "customerPassword cannot be read, because what the program gives for it has failed.",
  ],
];

test.serial("bad arguments that show when the program runs are refused in our own words", async (t) => {
  const { realm, project, stack } = await given(t);
  for (const [args, says] of refused) {
    await project.setProgram(
      `import * as pulumi from "@pulumi/pulumi";
       import { ApisixEnablement } from "keycloak-apisix";
       new ApisixEnablement("cx", ${args.replace("REALM", JSON.stringify(realm.name))});`,
    );
    const { exitCode, output } = await stack.preview();
    t.not(exitCode, 0, args);
    const lines = output.split("\n").filter((line) => /error: /.test(line));
    t.is(new Set(lines.map((line) => line.replace(/^.*error: /, ""))).size, 1, `${args}\n${output}`);
    t.true(lines[0]?.includes(`error: ${says}`), `${args}\n${output}`);
    t.notRegex(output, /\n\s+at |unhandled|s3cret|serializing/, args);
  }
});
