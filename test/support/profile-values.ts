// Odd values that a program may configure for the user's profile. Keycloak takes some of them; the preview has to
// refuse the others.
import { bystander, demanding, hasProfile, ofMail, plain, type RealmKind } from "./realm-kinds.ts";

export interface ProfileValue {
  readonly attribute: string;
  /** With `$` for something that only this user has. */
  readonly value: string;
  /** Does Keycloak take it in such a realm, and keep it as it is? */
  isTaken(realm: RealmKind): boolean;
}

type Rule = ProfileValue["isTaken"];

const always: Rule = () => true;
const never: Rule = () => false;
/** An address other than the username. */
const address: Rule = (realm) => realm !== ofMail;
/** Before there were profiles, whatever they refuse. */
const unchecked: Rule = () => !hasProfile();
const uncheckedAddress: Rule = (realm) => unchecked(realm) && address(realm);
/** An attribute that the ordinary profile does not name. */
const unmanaged: Rule = (realm) => unchecked(realm) || realm !== plain;
/** The same, with a value that the demanding profile refuses. */
const undemanded: Rule = (realm) => unchecked(realm) || (realm !== plain && realm !== demanding);

const values: Readonly<Record<string, readonly (readonly [value: string, isTaken: Rule])[]>> = {
  email: [
    ["New-$@CX.Example", address],
    [bystander.email, never],
    ["nobody-$", uncheckedAddress],
    [" blank-$@cx.example", uncheckedAddress],
    ["two..dots-$@cx.example", uncheckedAddress],
    ["<$>@cx.example", uncheckedAddress],
    ["$@-cx.example", uncheckedAddress],
    [`${"x".repeat(65)}$@cx.example`, uncheckedAddress],
  ],
  firstName: [
    ["Zoë Ann", always],
    [" Ann ", always],
    ["", never],
    [" \t", never],
    ["Ann/Zoë", unchecked],
    ["Ann (CX)", unchecked],
    ["Ann\nZoë", unchecked],
    ["x".repeat(256), never],
  ],
  site: [
    ["north", unmanaged],
    ["North", undemanded],
  ],
  badge: [
    [" 345678901234 ", unmanaged],
    ["  34567890123  ", undemanded],
  ],
  age: [
    ["20", unmanaged],
    ["17", undemanded],
    ["20.5", undemanded],
    ["many", undemanded],
  ],
  phone: [
    [" 0123\n", unmanaged],
    ["x".repeat(255), unmanaged],
    ["x".repeat(3000), never],
  ],
  Email: [["Somebody@CX.Example", unmanaged]],
  "tenant id/ä": [["7", unmanaged]],
  locale: [["de", unchecked]],
  username: [["nobody", never]],
  enabled: [["true", never]],
  LDAP_ID: [["7", never]],
  ["x".repeat(256)]: [["y", never]],
};

export const oddValues: readonly ProfileValue[] = Object.entries(values).flatMap(([attribute, all]) =>
  all.map(([value, isTaken]) => ({ attribute, value, isTaken })),
);
