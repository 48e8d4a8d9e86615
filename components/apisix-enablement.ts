// The component: one realm, made ready for APISIX.
import * as pulumi from "@pulumi/pulumi";
import { type OpenidConnectPlugin, openidConnectPlugin } from "./apisix/openid-connect.ts";
import { wantsRole } from "./cx-version.ts";
import { isPlaintextConfig, onceItExists } from "./pulumi-internals.ts";
import { AudienceMapper } from "./resources/audience-mapper.ts";
import { requireProvider } from "./resources/dynamic-resource.ts";
import type { EnsuredResource } from "./resources/ensured.ts";
import { Password } from "./resources/password.ts";
import { RealmRole } from "./resources/realm-role.ts";
import { RoleMappings } from "./resources/role-mappings.ts";
import { TokenCheck, type VerifiedToken } from "./resources/token-check.ts";
import { User } from "./resources/user.ts";

/** Arguments of an {@link ApisixEnablement}. */
export interface ApisixEnablementArgs {
  /**
   * Name of the realm; on a multi-tenant CX the tenant's id. The realm must be there, or be created by this program:
   * then give its output (`realm.realm`), or its name and the option `dependsOn`, so that a preview does not look for it.
   */
  realm: pulumi.Input<string>;
  /**
   * clientId of the client that customers' tokens are issued at and for. It must be there, or be created by
   * this program, must not be bearer-only, and must allow direct grants.
   * @default "cim"
   */
  client?: pulumi.Input<string>;
  /**
   * Username of the user that CX gets its customers' tokens for.
   * @default "customer"
   */
  customerUsername?: pulumi.Input<string>;
  /** That user's password, not temporary; always kept as a secret. */
  customerPassword: pulumi.Input<string>;
  /**
   * Values for attributes of the realm's user profile: `email`, `firstName`, `lastName`, or the realm's own.
   * What is given is enforced; what is required, missing and not given gets a default that passes the
   * profile's validators (Keycloak 24 and newer: no login without).
   */
  customerProfile?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /**
   * The CX release, like `4.10.1`. Below 4.10.1 the customer gets no role and no role mappings (guide).
   * Plain, not an Input: it decides which resources there are.
   * @default the newest
   */
  cxVersion?: string;
  /**
   * Fetch and verify a real token whenever something relevant was created or changed.
   * @default true
   */
  verifyToken?: boolean;
  /** Where APISIX reaches Keycloak, base path included, if not where Pulumi does: `http://keycloak.svc:8080/auth`. */
  apisixDiscoveryBase?: pulumi.Input<string | undefined>;
  /**
   * Config namespace that holds the connection to Keycloak, with the keys of @pulumi/keycloak's provider:
   * for a program with several Keycloaks. Never credentials themselves.
   * @default "keycloak"
   */
  connection?: string;
}

/** Role that CX 4.10.1 and newer expect the customer to have. */
const customerRole = "customer";
/** Realm roles of Keycloak's own that the guide maps directly as well. */
const keycloakRoles = ["offline_access", "uma_authorization"];

/**
 * Makes a Keycloak realm ready for Expertflow CX behind APISIX: Audience mapper, customer user, password, realm
 * role and role mappings, each adopted when it is there and created when it is not, and a real token as proof.
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
  /** Keycloak's id of the customer user. */
  declare readonly userId: pulumi.Output<string>;
  /** Keycloak's id of the realm role; undefined below CX 4.10.1. */
  declare readonly roleId: pulumi.Output<string | undefined>;
  /** By child (`audience`, `user`, …): true where the object was there before this stack. */
  declare readonly adopted: pulumi.Output<Record<string, boolean>>;
  /** What was verified, never the token; undefined with `verifyToken: false`. */
  declare readonly token: pulumi.Output<VerifiedToken | undefined>;
  /** The finished `openid-connect` plugin configuration for APISIX's routes; secret where it holds the client's secret. */
  declare readonly apisix: pulumi.Output<OpenidConnectPlugin>;

  /**
   * @param name what its children's names begin with; the realm's name is a good one
   * @param args the settings
   * @param options Pulumi's own for any component, `aliases` for example
   * @throws pulumi.ResourceError when `cxVersion` is not a version, or when the stack keeps Keycloak's
   * credentials in the clear.
   */
  constructor(name: string, args: ApisixEnablementArgs, options?: pulumi.ComponentResourceOptions) {
    super("keycloak-apisix:index:ApisixEnablement", name, {}, options);
    const parent = { parent: this };
    const withRole = validated(this, args);

    const realm = onceItExists(args.realm, options);
    const client = onceItExists(args.client ?? "cim", options);
    const username = pulumi.output(args.customerUsername ?? "customer");
    const password = pulumi.secret(args.customerPassword);
    const { connection } = args;
    warnOfGuessablePassword(this, username, password);

    const audience = new AudienceMapper(`${name}-audience`, { realm, client, connection }, parent);
    const role = withRole
      ? new RealmRole(`${name}-role`, { realm, role: customerRole, connection }, parent)
      : undefined;
    const user = new User(
      `${name}-user`,
      { realm, username, profile: args.customerProfile, connection },
      // A role is not removed from under a user, so this one has to go before it.
      { ...parent, dependsOn: role ? [role] : [] },
    );
    const passwordOfUser = new Password(
      `${name}-password`,
      { realm, username, password, client, connection },
      { ...parent, dependsOn: [user] },
    );
    const ensured: Record<string, EnsuredResource> = { audience, user, password: passwordOfUser };
    const roles = withRole ? [customerRole, ...keycloakRoles] : [];
    if (role) {
      ensured.role = role;
      ensured["role-mappings"] = new RoleMappings(
        `${name}-role-mappings`,
        { realm, username, roles, ensured: [customerRole], connection },
        // The password carries the user's owner mark, so it comes first.
        { ...parent, dependsOn: [user, role, passwordOfUser] },
      );
    }
    const check =
      args.verifyToken === false
        ? undefined
        : new TokenCheck(
            `${name}-token`,
            {
              realm,
              client,
              username,
              password,
              roles,
              apisixDiscoveryBase: args.apisixDiscoveryBase,
              connection,
              after: Object.values(ensured).map(({ changedAt }) => changedAt),
            },
            { ...parent, dependsOn: Object.values(ensured) },
          );

    const outputs = {
      realm,
      client,
      audienceMapperId: audience.uuid,
      userId: user.uuid,
      roleId: pulumi.output(ensured.role?.uuid),
      adopted: pulumi.output(
        Object.fromEntries(Object.entries(ensured).map(([child, { adopted }]) => [child, adopted])),
      ),
      token: pulumi.output(check?.token),
      apisix: pulumi
        .all([realm, client, audience.clientSecret, audience.server, pulumi.output(args.apisixDiscoveryBase)])
        .apply(([realmName, clientId, clientSecret, server, discoveryBase]) =>
          openidConnectPlugin({
            realm: realmName,
            client: clientId,
            clientSecret,
            keycloak: discoveryBase ?? server,
          }),
        ),
    };
    Object.assign(this, outputs);
    this.registerOutputs(outputs);
  }
}

/** Refuses what must not go further, before any resource is registered; returns whether the role is wanted. */
function validated(component: ApisixEnablement, args: ApisixEnablementArgs): boolean {
  requireProvider(component);
  const namespace = args.connection ?? "keycloak";
  for (const key of ["password", "clientSecret"]) {
    if (isPlaintextConfig(`${namespace}:${key}`)) {
      throw new pulumi.ResourceError(
        `${namespace}:${key} is kept in the clear, and would get into the state like that: set it again with 'pulumi config set --secret ${namespace}:${key}', or give it by the environment.`,
        component,
        true,
      );
    }
  }
  if (!args.customerPassword) {
    throw new pulumi.ResourceError(
      'customerPassword is missing: it has no default; give the component a secret, for example config.requireSecret("customerPassword").',
      component,
      true,
    );
  }
  try {
    return wantsRole(args.cxVersion);
  } catch (error) {
    throw new pulumi.ResourceError((error as Error).message, component, true);
  }
}

function warnOfGuessablePassword(
  component: ApisixEnablement,
  username: pulumi.Output<string>,
  password: pulumi.Output<string>,
): void {
  if (pulumi.getStack() === "dev") return;
  pulumi.all([username, password]).apply(([name, secret]) => {
    if (name.toLowerCase() !== secret.toLowerCase()) return;
    void pulumi.log.warn(
      `The password of user '${name}' is its username, which anybody can guess: set another one.`,
      component,
    );
  });
}
