// "Did you mean", for a mistyped name.
import test from "ava";
import { similar } from "./similar-names.ts";

test("similar names are suggested, others are not", (t) => {
  t.regex(similar("Clients", "cin", ["cim", "account", "CIM-web"]), /'cim'/);
  t.is(similar("Clients", "cim", ["account", "broker"]), "");
});
