// The component: one realm, made ready for APISIX.
import * as pulumi from "@pulumi/pulumi";
import { ApiUser, ensureUser } from "./api-user.ts";
import { authzKeycloakPlugin } from "./apisix/authz-keycloak.ts";
import { openidConnectPlugin } from "./apisix/openid-connect.ts";
import type { ApisixPlugins } from "./apisix/plugins.ts";
import {
  addressOf,
  attributes,
  checkedArguments,
  flag,
  input,
  passwordOf,
  refuse,
  requestsOf,
  requireConnection,
  required,
  type Shapes,
  text,
  textOr,
  texts,
} from "./arguments.ts";
import { cxVersionShape, wantsRole } from "./cx-version.ts";
import { Failure } from "./failure.ts";
import { onceItExists } from "./pulumi-internals.ts";
import { AudienceMapper } from "./resources/audience-mapper.ts";
import { GatewayScope } from "./resources/gateway-scope.ts";
import { RealmRole } from "./resources/realm-role.ts";
import type { VerifiedToken } from "./resources/token-check.ts";
import { TokenLifespan } from "./resources/token-lifespan.ts";

/** Arguments of an {@link ApisixEnablement}. An empty text means the default. */
export interface ApisixEnablementArgs {
  /**
   * Name of the realm; on a multi-tenant CX, the tenant's id. The realm must exist or be created by this program.
   * If the program creates it, pass its output (`realm.realm`), or its name and the option `dependsOn`. Otherwise a
   * preview looks for a realm that does not exist yet.
   */
  realm: pulumi.Input<string>;
  /**
   * clientId of the client that issues the customers' tokens and must be in their audience. It must exist or be
   * created by this program, allow direct grants, and not be bearer-only.
   * @default "cim"
   */
  client?: pulumi.Input<string>;
  /**
   * Is there a customer? If not, there are no user, role and role mappings, only the mapper: as for CX's tenant API,
   * with realm `master` and client `multitenancy`.
   * @default true
   */
  customer?: boolean;
  /**
   * Username of the user that CX fetches its customers' tokens for.
   * @default "customer"
   */
  customerUsername?: pulumi.Input<string>;
  /** That user's password, not temporary; always kept as a secret. Required unless `customer` is false. */
  customerPassword?: pulumi.Input<string>;
  /**
   * Set the customer's password only if the user has none. Whoever changes it later has the last word: it is never set
   * again, and a reset is no drift.
   * @default false
   */
  keepCustomerPassword?: boolean;
  /**
   * Values for attributes of the realm's user profile: `email`, `firstName`, `lastName`, or the realm's own. A
   * given value is enforced. A required attribute without a value gets one that passes the profile's validators:
   * from Keycloak 24 on, nobody can log in with an incomplete profile.
   */
  customerProfile?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /**
   * The CX release, such as `4.10.1`. Below 4.10.1 there are no role and no role mappings (guide). It is a plain
   * value, not an Input, because it decides which resources exist.
   * @default the newest
   */
  cxVersion?: string;
  /**
   * Fetch and verify a real token whenever something relevant was created or changed.
   * @default true
   */
  verifyToken?: boolean;
  /**
   * Name of a client scope that this client alone has, and that the gateway requires. Up to APISIX 3.11, which checks
   * no audience, it keeps out tokens of other clients. It is adopted or created, and a default scope of the client.
   */
  gatewayScope?: string;
  /**
   * How long the client's access tokens live, in seconds; 0 leaves that as it is.
   * @default what the client or the realm has
   */
  accessTokenLifespan?: number;
  /** Further users that get tokens from this client: connectors, surveys. */
  apiUsers?: readonly ApiUserOfRealm[];
  /**
   * Where APISIX reaches Keycloak, base path included: `http://keycloak.ef-external.svc/auth` inside CX's cluster.
   * @default Keycloak's address as Pulumi uses it
   */
  apisixDiscoveryBase?: pulumi.Input<string | undefined>;
  /**
   * Where CX fetches its customers' tokens, base path included: the token check fetches its own there.
   * @default `apisixDiscoveryBase`, else Keycloak's address as Pulumi uses it
   */
  tokenBase?: pulumi.Input<string | undefined>;
  /**
   * What the customer must be allowed to do, like `GET /ccm/channels`. `apisix` then has `authz-keycloak` as well, and
   * the token check makes that plugin's calls. It changes nothing in the client's resources, policies and permissions.
   */
  authorizedRequests?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Config namespace of the connection to Keycloak, for a program with several Keycloaks. Its keys are those of the
   * provider `@pulumi/keycloak`. This is only its name, never credentials.
   * @default "keycloak"
   */
  connection?: string;
}

/** A user of a connector or a survey. */
export interface ApiUserOfRealm {
  /** Username; part of its resources' names. */
  username: string;
  /** The user's password, not temporary; always kept as a secret. */
  password: pulumi.Input<string>;
  /** Names of the realm roles to map; they must exist. */
  roles?: readonly string[];
  /** Values for attributes of the realm's user profile, as in {@link ApisixEnablementArgs.customerProfile}. */
  profile?: pulumi.Input<Record<string, pulumi.Input<string>>>;
}

const shapes: Shapes<Required<ApisixEnablementArgs>> = {
  realm: required(input(text)),
  client: input(text),
  customer: flag,
  customerUsername: input(text),
  customerPassword: { ...input(text), isSecret: true },
  keepCustomerPassword: flag,
  customerProfile: { ...input(attributes), isSecret: true },
  cxVersion: { ...text, words: cxVersionShape },
  verifyToken: flag,
  gatewayScope: text,
  accessTokenLifespan: {
    words: "a whole number of seconds",
    accepts: (value) => Number.isInteger(value) && Number(value) >= 0,
  },
  apiUsers: {
    words: "a list of objects, each with its username",
    accepts: (value) =>
      Array.isArray(value) && value.every((user) => typeof user?.username === "string" && user.username),
  },
  apisixDiscoveryBase: input(text),
  tokenBase: input(text),
  authorizedRequests: input(texts),
  connection: text,
};

/** Realm role that CX 4.10.1 and newer expect the customer to have. */
const customerRole = "customer";
/** The guide's role mappings: Keycloak's own two roles are mapped directly as well. */
const mappedRoles = [customerRole, "offline_access", "uma_authorization"];

/**
 * Makes a Keycloak realm ready for Expertflow CX behind APISIX: Audience mapper, customer user, password, realm
 * role and role mappings, each adopted if it exists and created if it does not. A real token proves the result.
 *
 * @example
 * new ApisixEnablement("expertflow", { realm: "expertflow", customerPassword: config.requireSecret("customerPassword") });
 */
export class ApisixEnablement extends pulumi.ComponentResource {
  /** Name of the realm. */
  declare readonly realm: pulumi.Output<string>;
  /** clientId of the client. */
  declare readonly client: pulumi.Output<string>;
  /** Keycloak's id of the Audience mapper. */
  declare readonly audienceMapperId: pulumi.Output<string>;
  /** Keycloak's id of the customer user; undefined without a customer. */
  declare readonly userId: pulumi.Output<string | undefined>;
  /** Keycloak's id of the realm role; undefined below CX 4.10.1. */
  declare readonly roleId: pulumi.Output<string | undefined>;
  /** By child (`audience`, `user`, …): true if the object existed before this stack. */
  declare readonly adopted: pulumi.Output<Record<string, boolean>>;
  /** What was verified, never the token; undefined with `verifyToken: false`, and without a customer. */
  declare readonly token: pulumi.Output<VerifiedToken | undefined>;
  /** The same for each of `apiUsers`, by username; undefined without any. */
  declare readonly apiUsers: pulumi.Output<Record<string, VerifiedToken | undefined> | undefined>;
  /**
   * What stands under a route's `plugins` in APISIX: `openid-connect` and, with `authorizedRequests`, `authz-keycloak`.
   * Secret if it holds the client's secret.
   */
  declare readonly apisix: pulumi.Output<ApisixPlugins>;

  /**
   * Makes one realm ready.
   *
   * @param name prefix of its children's names; the realm's name is a good choice
   * @param args the settings
   * @param options Pulumi's options for any component, for example `aliases`
   * @throws `pulumi.ResourceError` if an argument is not what its type says, `cxVersion` not a version,
   * `apisixDiscoveryBase` or `tokenBase` not an address, one of `authorizedRequests` malformed, `customerPassword`
   * missing, or if the stack keeps Keycloak's credentials in plain text.
   */
  constructor(name: string, args: ApisixEnablementArgs, options?: pulumi.ComponentResourceOptions) {
    super("keycloak-apisix:index:ApisixEnablement", name, {}, options);
    const settings = checkedArguments(this, args, shapes);
    const withCustomer = settings.customer !== false;
    const withRole = wantsRoleOf(this, settings) && withCustomer;
    requireConnection(this, settings.connection);
    const connection = settings.connection || undefined;
    const target = {
      realm: onceItExists(settings.realm, options),
      client: onceItExists(textOr("cim", settings.client), options),
      connection,
    };
    const { realm, client } = target;
    const apisixDiscoveryBase = addressOf(this, "apisixDiscoveryBase", settings.apisixDiscoveryBase);
    const authorizedRequests = requestsOf(this, settings.authorizedRequests);
    const child = { parent: this };

    const audience = new AudienceMapper(
      `${name}-audience`,
      { ...target, gatewayScope: settings.gatewayScope || undefined },
      child,
    );
    const ofClient = {
      audience,
      ...(settings.gatewayScope && {
        "gateway-scope": new GatewayScope(
          `${name}-gateway-scope`,
          { ...target, scope: settings.gatewayScope },
          child,
        ),
      }),
      ...(settings.accessTokenLifespan && {
        "token-lifespan": new TokenLifespan(
          `${name}-token-lifespan`,
          { ...target, seconds: settings.accessTokenLifespan },
          child,
        ),
      }),
    };
    const role = withRole
      ? new RealmRole(`${name}-role`, { realm, role: customerRole, connection }, child)
      : undefined;
    const common = {
      ...target,
      verifyToken: settings.verifyToken,
      gatewayScope: settings.gatewayScope || undefined,
      apisixDiscoveryBase,
    };
    const customer = withCustomer
      ? ensureUser(
          this,
          name,
          {
            ...common,
            username: textOr("customer", settings.customerUsername),
            password: passwordOf(this, "customerPassword", settings.customerPassword),
            keepPassword: settings.keepCustomerPassword,
            passwordNeededBy: customersTokenFetcher(),
            tokenBase: addressOf(this, "tokenBase", settings.tokenBase),
            authorizedRequests,
            profile: settings.customerProfile,
            roles: role && mappedRoles,
            ensuredRoles: [customerRole],
            verifyAfter: [...Object.values(ofClient), ...(role ? [role] : [])],
          },
          // A role that a user still has is not removed, so destroy must remove the user first.
          role,
        )
      : undefined;
    if (withCustomer) refuseCustomerTwice(this, settings);
    const apiUsers = (settings.apiUsers ?? []).map(
      (user) =>
        [
          user.username,
          new ApiUser(
            `${name}-${user.username}`,
            {
              ...common,
              ...user,
              ensuredRoles: role && [customerRole],
              verifyAfter: [...Object.values(ofClient), ...(role ? [role] : [])],
            },
            { parent: this, dependsOn: user.roles?.includes(customerRole) ? role : undefined },
          ),
        ] as const,
    );

    const adopted = Object.entries({ ...ofClient, ...(role && { role }) }).map(
      ([key, object]): [string, pulumi.Output<boolean>] => [key, object.adopted],
    );
    const outputs = {
      realm,
      client,
      audienceMapperId: audience.uuid,
      userId: pulumi.output(customer?.userId),
      roleId: pulumi.output(role?.uuid),
      adopted: pulumi
        .all([pulumi.output(Object.fromEntries(adopted)), pulumi.output(customer?.adopted)])
        .apply(([ours, ofCustomer]) => ({ ...ours, ...ofCustomer })),
      token: pulumi.output(customer?.token),
      apiUsers: pulumi.output(
        apiUsers.length > 0
          ? Object.fromEntries(apiUsers.map(([username, { token }]) => [username, token]))
          : undefined,
      ),
      apisix: pulumi
        .all([realm, client, audience.clientSecret, audience.server, apisixDiscoveryBase, authorizedRequests])
        .apply(([realmName, clientId, clientSecret, server, base = server, requests = []]): ApisixPlugins => {
          const source = { realm: realmName, client: clientId, keycloak: base };
          const gatewayScope = settings.gatewayScope || undefined;
          const openidConnect = openidConnectPlugin({ ...source, clientSecret, gatewayScope });
          if (requests.length === 0) return { "openid-connect": openidConnect };
          if (clientSecret === undefined) return refuse(this, needsSecret(clientId, realmName));
          return {
            "openid-connect": openidConnect,
            "authz-keycloak": authzKeycloakPlugin({ ...source, clientSecret }),
          };
        }),
    };
    Object.assign(this, outputs);
    // The children have them all: registered once more, the engine would write them with every step.
    this.registerOutputs();
  }
}

/** @throws pulumi.ResourceError if `cxVersion` is not a version. */
function wantsRoleOf(component: ApisixEnablement, { cxVersion }: ApisixEnablementArgs): boolean {
  try {
    return wantsRole(cxVersion || undefined);
  } catch (error) {
    if (error instanceof Failure) refuse(component, error.message);
    throw error;
  }
}

/** Keycloak keeps usernames in lower case, and two resources would set one user's password in turns. */
function refuseCustomerTwice(component: ApisixEnablement, args: ApisixEnablementArgs): void {
  const { customerUsername: given = "customer", apiUsers = [] } = args;
  const known = typeof given === "string" ? [given || "customer"] : [];
  const names = [...known, ...apiUsers.map(({ username }) => username)].map((name) => name.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) refuse(component, `apiUsers names user '${twice}' twice: each user is one.`);
}

/** Where CX has a copy of the customer's password; in this repository's own program an output has it as CX takes it. */
function customersTokenFetcher(): string {
  const where =
    pulumi.getProject() === "keycloak-apisix" ? "output coreCustomValues" : "KEYCLOAK_PASSWORD_CUSTOMER";
  return `CX's web-channel-manager (${where})`;
}

/** Rather no output than one that lets requests through unasked. */
function needsSecret(client: string, realm: string): string {
  return `authorizedRequests need APISIX's plugin authz-keycloak, and client '${client}' in realm '${realm}' is public, so it has no secret for the plugin: switch 'Client authentication' on (Clients, ${client}, Settings).`;
}
