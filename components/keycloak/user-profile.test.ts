// What a realm's user profile requires, and the values that a customer gets if nobody configured any.
import test from "ava";
import { defaultValue, profileProblem, requiredAttributes } from "./user-profile.ts";

const someone = { username: "customer", realm: "Tenant 7/ä" };
const attribute = (name: string, required?: object, validations: object = {}) => ({
  name,
  required,
  validations,
});

test("required attributes are those that the profile requires of users, or of admins who write them", (t) => {
  const profile = {
    attributes: [
      attribute("username", { roles: ["user"] }),
      attribute("email", { roles: ["user"] }),
      attribute("firstName", {}),
      attribute("lastName"),
      attribute("forAdmins", { roles: ["admin"] }),
      attribute("forSomeScope", { scopes: ["phone"] }),
      attribute("forProfileScope", { scopes: ["profile"] }),
    ],
  };
  t.deepEqual(requiredAttributes(profile as never), ["email", "firstName", "forAdmins", "forProfileScope"]);
  t.deepEqual(requiredAttributes(undefined), []);
});

test("defaults pass the validators", (t) => {
  const value = (name: string, validations: object = {}) =>
    defaultValue({ attributes: [attribute(name, {}, validations)] } as never, name, someone);
  t.is(value("email", { email: {} }), "customer@tenant-7.invalid");
  t.is(value("firstName"), "Customer");
  t.is(value("site", { options: { options: ["north", "south"] } }), "north");
  t.is(value("age", { integer: { min: "18" } }), "18");
  t.is(value("since", { "iso-date": {} }), "2000-01-01");
  t.is(value("born", { "local-date": {} }), "01/01/2000");
  t.is(value("code", { length: { min: 12, max: 14 } }).length, 12);
  t.is(value("short", { length: { max: 3 } }).length, 3);
});

test("if no value that passes the validators can be guessed, the error says what to configure", (t) => {
  const profile = { attributes: [attribute("badge", {}, { pattern: { pattern: "[A-Z]{2}\\d{6}" } })] };
  const error = t.throws(() => defaultValue(profile as never, "badge", someone));
  t.regex(error.message, /badge.*customer.*customerProfile/);
});

test("configured values that Keycloak would refuse, drop or change are named without their value", (t) => {
  const profile = {
    attributes: [
      attribute("email", {}, { email: {} }),
      attribute("firstName", {}, { "person-name-prohibited-characters": {}, length: { max: 5 } }),
      attribute("site", {}, { options: { options: ["north", "south"] } }),
      { ...attribute("own"), permissions: { edit: ["user"] } },
    ],
  };
  const problem = (values: object, more: object = {}) =>
    profileProblem({ ...profile, ...more } as never, { ...values }, false);
  t.is(problem({ email: "a@b.example", firstName: "Zoë", site: "north" }), undefined);
  t.regex(problem({ email: "nobody" }) ?? "", /^'email' does not pass its validator: an email address$/);
  t.regex(problem({ firstName: "Angela" }) ?? "", /at most 5 characters/);
  t.regex(problem({ firstName: "a<b" }) ?? "", /no special characters/);
  t.regex(problem({ site: "west" }) ?? "", /one of north, south/);
  t.regex(problem({ own: "x" }) ?? "", /may not be edited by admins/);
  t.regex(problem({ own: "" }) ?? "", /is blank/);
  t.regex(problem({ own: 5 }) ?? "", /is not a text/);
  t.regex(problem({ enabled: "false" }) ?? "", /is not an attribute/);
  t.regex(problem({ odd: "x" }) ?? "", /Keycloak would drop it/);
  t.is(problem({ odd: "x" }, { unmanagedAttributePolicy: "ADMIN_EDIT" }), undefined);
  t.regex(problem({ odd: "x" }, { unmanagedAttributePolicy: "ADMIN_VIEW" }) ?? "", /would drop it/);
  t.is(profileProblem(undefined, { odd: "x", email: "nobody" }, false), undefined, "before Keycloak 24");
  t.regex(problem({ Ldap_Id: "x" }) ?? "", /^'Ldap_Id' is Keycloak's own/);
  t.regex(problem({ ["x".repeat(256)]: "x" }) ?? "", /too long a name/);
  const open = { unmanagedAttributePolicy: "ENABLED" };
  t.is(problem({ odd: "x".repeat(2048) }, open), undefined);
  t.regex(problem({ odd: "x".repeat(2049) }, open) ?? "", /^'odd' is too long: at most 2048 characters/);
  t.regex(profileProblem(undefined, { odd: "x".repeat(256) }, false) ?? "", /at most 255 characters/);
  t.regex(problem({ locale: "de" }, open) ?? "", /one language only: switch internationalization on/);
  t.is(profileProblem(profile as never, { locale: "de" }, true), undefined);
});

const ofValidator: Readonly<Record<string, { config?: object; good: string[]; bad: string[] }>> = {
  email: {
    good: ["a@b", "ä@bücher.example", "a'b@e.org", '"a b"@e.org', "a@[1.2.3.4]"],
    bad: [
      "a..b@e.org",
      ".a@e.org",
      "a@e.org.",
      "a@-e.org",
      "a@e_x.org",
      "a<b@e.org",
      "a,b@e.org",
      " a@e.org ",
    ],
  },
  length: { config: { min: 3, max: "5" }, good: ["abc", " abcde "], bad: [" ab ", "abcdef"] },
  integer: { config: { min: 18, max: 99 }, good: ["18", "+20", "020"], bad: ["17", "100", "20.5", "many"] },
  double: { config: { min: "0.5" }, good: ["0.5", "1e3", ".6"], bad: ["0.4", "0,5"] },
  "iso-date": { good: ["2000-02-29"], bad: ["2000-02-30", "29/02/2000", "2000"] },
  uri: { good: ["https://x", "http://localhost"], bad: ["x", "x y", "ftp://x", "urn:x:y"] },
  "person-name-prohibited-characters": { good: ["A.B-C'D", "李 + Zoë"], bad: ["a/b", "a<b", "a\nb", "a(b)"] },
};

for (const [validator, { config = {}, good, bad }] of Object.entries(ofValidator)) {
  test(`values are checked as Keycloak's validator does: ${validator}`, (t) => {
    const profile = { attributes: [attribute("own", {}, { [validator]: config })] };
    const problem = (own: string) => profileProblem(profile as never, { own }, false);
    for (const value of good) t.is(problem(value), undefined, value);
    for (const value of bad) t.regex(problem(value) ?? "", /^'own' does not pass its validator: /, value);
  });
}
