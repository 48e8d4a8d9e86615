// Every setting of the program, and the only place that knows them: types, checks and error messages come from here,
// and tests compare Pulumi.yaml and the table in README.md with it.

import {
  address,
  apiUsers,
  attributes,
  count,
  flag,
  type Kind,
  realms,
  seconds,
  text,
  texts,
  version,
} from "./kinds.ts";

interface Row<T = unknown> {
  readonly kind: Kind<T>;
  readonly default: T | undefined;
  /** In one line, as Pulumi.yaml has it. */
  readonly description: string;
  /** What holds without a value, as README says it. Only where there is no default. */
  readonly otherwise?: string;
  /** It holds for the whole stack; a tenant cannot have its own. */
  readonly topLevelOnly?: true;
}

const table = {
  realm: {
    kind: text,
    default: "expertflow",
    description: "The realm to make ready; on a multi-tenant CX the tenant's id.",
  },
  client: {
    kind: text,
    default: "cim",
    description: "clientId of the client that issues the customers' tokens and must be in their audience.",
  },
  customer: {
    kind: flag,
    default: true,
    description: "Is there a customer? Without one, only the client is made ready: no user, no role.",
  },
  customerUsername: {
    kind: text,
    default: "customer",
    description: "Username of the user that CX fetches its customers' tokens for.",
  },
  customerPassword: {
    kind: text,
    default: undefined,
    otherwise: "none",
    description: "That user's password. Set it with --secret; only stack `dev` has a default, the guide's.",
  },
  keepCustomerPassword: {
    kind: flag,
    default: false,
    description: "Set the customer's password only if there is none: whoever changes it has the last word.",
  },
  customerProfile: {
    kind: attributes,
    default: undefined,
    otherwise: "none",
    description:
      "Values for attributes of the realm's user profile (email, firstName, lastName, or its own).",
  },
  cxVersion: {
    kind: version,
    default: undefined,
    otherwise: "newest",
    description:
      'The CX release, in quotes, like "4.10.1". Below 4.10.1 the customer gets no role and no role mappings.',
  },
  gatewayScope: {
    kind: text,
    default: undefined,
    otherwise: "none",
    description:
      "A client scope that only this client has and the gateway requires; created if it is missing.",
  },
  accessTokenLifespan: {
    kind: seconds,
    default: 0,
    description: "How long the client's access tokens live, in seconds; 0 leaves that as it is.",
  },
  apiUsers: {
    kind: apiUsers,
    default: undefined,
    otherwise: "none",
    description: "Users of connectors and surveys: username, password, roles and profile of each.",
  },
  ownRealm: {
    kind: flag,
    default: false,
    description: "This stack creates realm and client itself, with @pulumi/keycloak.",
  },
  tenants: {
    kind: realms,
    default: undefined,
    otherwise: "none",
    topLevelOnly: true,
    description:
      "One object for each realm, with these same keys; what an object leaves out is taken from here.",
  },
  verifyToken: {
    kind: flag,
    default: true,
    description: "Fetch and verify a real token whenever something relevant was created or changed.",
  },
  apisixDiscoveryBase: {
    kind: address,
    default: undefined,
    otherwise: "Keycloak's address",
    description: "Where APISIX reaches Keycloak, base path included, if not where Pulumi does.",
  },
  tokenBase: {
    kind: address,
    default: undefined,
    otherwise: "apisixDiscoveryBase",
    description: "Where CX fetches its customers' tokens from Keycloak, base path included.",
  },
  authorizedRequests: {
    kind: texts,
    default: undefined,
    otherwise: "none",
    description: "What authz-keycloak must let the customer do, like GET /ccm/channels.",
  },
  maxConcurrentRequests: {
    kind: count,
    default: 10,
    topLevelOnly: true,
    description: "How many requests one command sends to a Keycloak at the same time.",
  },
} as const satisfies Readonly<Record<string, Row>>;

type Table = typeof table;
export type Name = keyof Table;
/** Settings that a tenant may have its own value for. */
export type RealmName = {
  [K in Name]: Table[K] extends { topLevelOnly: true } ? never : K;
}[Name];

/** What each setting holds where it is set. */
export type Values = {
  readonly [K in Name]: Table[K]["kind"] extends Kind<infer T> ? T : never;
};
type Defaults = { readonly [K in Name]: Table[K]["default"] };
/** The settings that a realm has, defaults filled in. */
export type Filled = { readonly [K in RealmName]: Values[K] | Defaults[K] };

/** The same table, in the shape that lets TypeScript follow a name to the type of its value. */
export const rows: {
  readonly [K in Name]: {
    readonly kind: Kind<Values[K]>;
    readonly default: Defaults[K];
    readonly description: string;
    readonly otherwise?: string;
  };
} = table;

export const names = Object.keys(table).filter((key): key is Name => Object.hasOwn(table, key));
export const realmNames = names.filter((name): name is RealmName => !("topLevelOnly" in table[name]));
export const isRealmName = (key: string): key is RealmName => realmNames.some((name) => name === key);
