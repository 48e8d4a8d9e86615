// What `npm run setup` is told.

import { parseArgs } from "node:util";

export const usage = `npm run setup -- STACK --keycloak https://FQDN/auth --realm expertflow
  --reader        also an account that may only read, for the nightly drift job
  --ca FILE       the certificate of a private authority
  --dry-run       only says what it would do
  --undo          takes back what it made
Asks for an administrator of Keycloak; without a terminal: KEYCLOAK_USER and KEYCLOAK_PASSWORD. They are not kept.
Asks for the customer's password; without a terminal: KEYCLOAK_PASSWORD_CUSTOMER.`;

export interface SetupArguments {
  readonly stack: string;
  readonly keycloak: URL;
  readonly realm: string;
  readonly reader: boolean;
  readonly ca: string | undefined;
  readonly dryRun: boolean;
  readonly undo: boolean;
}

/** @throws Error that says what is wrong, and how it is meant */
export function readArguments(args: string[]): SetupArguments {
  const { values, positionals } = parsed(args);
  const [stack, ...more] = positionals;
  const { keycloak, realm } = values;
  if (more.length > 0) {
    throw new Error(
      `Unexpected argument '${more[0]}': put options after '--', or npm takes them for its own.\n${usage}`,
    );
  }
  if (!stack || !keycloak || !realm) {
    const missing = !stack ? "The stack's name" : !keycloak ? "--keycloak" : "--realm";
    throw new Error(`${missing} is missing.\n${usage}`);
  }
  if (!/^[A-Za-z0-9_.-]+$/.test(stack)) throw new Error(`'${stack}' cannot be the name of a stack.`);
  if (stack === "dev") throw new Error("Stack dev belongs to 'npm start': choose another name.");
  const url = URL.parse(keycloak);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new Error(`--keycloak is not an address like https://cx.example.com/auth: ${keycloak}`);
  }
  if (url.username || url.password) {
    throw new Error(
      "--keycloak holds credentials: take them out, and set KEYCLOAK_USER and KEYCLOAK_PASSWORD.",
    );
  }
  const { reader = false, ca, "dry-run": dryRun = false, undo = false } = values;
  return { stack, keycloak: url, realm, reader, ca, dryRun, undo };
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        keycloak: { type: "string" },
        realm: { type: "string" },
        ca: { type: "string" },
        reader: { type: "boolean" },
        "dry-run": { type: "boolean" },
        undo: { type: "boolean" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${usage}`);
  }
}
