// The component: one realm, made ready for APISIX.
import * as pulumi from "@pulumi/pulumi";
import { addressShape, isAddress } from "./address.ts";
import { type OpenidConnectPlugin, openidConnectPlugin } from "./apisix/openid-connect.ts";
import { wantsRole } from "./cx-version.ts";
import { Failure } from "./failure.ts";
import { isPlaintextConfig, onceItExists } from "./pulumi-internals.ts";
import { AudienceMapper } from "./resources/audience-mapper.ts";
import { requireProvider } from "./resources/dynamic-resource.ts";
import type { EnsuredResource } from "./resources/ensured.ts";
import { Password } from "./resources/password.ts";
import { RealmRole } from "./resources/realm-role.ts";
import { RoleMappings } from "./resources/role-mappings.ts";
import { TokenCheck, type VerifiedToken } from "./resources/token-check.ts";
import { User } from "./resources/user.ts";

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
   * Username of the user that CX fetches its customers' tokens for.
   * @default "customer"
   */
  customerUsername?: pulumi.Input<string>;
  /** That user's password, not temporary; always kept as a secret. */
  customerPassword: pulumi.Input<string>;
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
   * Where APISIX reaches Keycloak, base path included: `http://keycloak.ef-external.svc/auth` inside CX's cluster.
   * @default Keycloak's address as Pulumi uses it
   */
  apisixDiscoveryBase?: pulumi.Input<string | undefined>;
  /**
   * Config namespace of the connection to Keycloak, for a program with several Keycloaks. Its keys are those of the
   * provider `@pulumi/keycloak`. This is only its name, never credentials.
   * @default "keycloak"
   */
  connection?: string;
}

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
  /** Keycloak's id of the customer user. */
  declare readonly userId: pulumi.Output<string>;
  /** Keycloak's id of the realm role; undefined below CX 4.10.1. */
  declare readonly roleId: pulumi.Output<string | undefined>;
  /** By child (`audience`, `user`, …): true if the object existed before this stack. */
  declare readonly adopted: pulumi.Output<Record<string, boolean>>;
  /** What was verified, never the token; undefined with `verifyToken: false`. */
  declare readonly token: pulumi.Output<VerifiedToken | undefined>;
  /**
   * The finished `openid-connect` plugin configuration for APISIX's routes; secret if it holds the client's secret.
   */
  declare readonly apisix: pulumi.Output<OpenidConnectPlugin>;

  /**
   * @param name prefix of its children's names; the realm's name is a good choice
   * @param args the settings
   * @param options Pulumi's options for any component, for example `aliases`
   * @throws pulumi.ResourceError if `cxVersion` is not a version, `apisixDiscoveryBase` not an address,
   * `customerPassword` missing, or if the stack keeps Keycloak's credentials in plain text.
   */
  constructor(name: string, args: ApisixEnablementArgs, options?: pulumi.ComponentResourceOptions) {
    super("keycloak-apisix:index:ApisixEnablement", name, {}, options);
    const withRole = validated(this, args);
    const target: Target = {
      realm: onceItExists(args.realm, options),
      client: onceItExists(textOr("cim", args.client), options),
      username: textOr("customer", args.customerUsername),
      password: pulumi
        .secret(args.customerPassword)
        .apply((password) => password || refuse(this, missingPassword)),
      apisixDiscoveryBase: discoveryBase(this, args),
      connection: args.connection || undefined,
    };
    const { realm, client, apisixDiscoveryBase } = target;
    warnOfGuessablePassword(this, target);

    const { audience, ...others } = ensureObjects(this, name, target, args, withRole);
    const all = { audience, ...others };
    const token = args.verifyToken === false ? undefined : verified(this, name, target, all).token;

    const outputs = {
      realm,
      client,
      audienceMapperId: audience.uuid,
      userId: others.user.uuid,
      roleId: pulumi.output(others.role?.uuid),
      adopted: pulumi.output(
        Object.fromEntries(Object.entries(all).map(([child, { adopted }]) => [child, adopted])),
      ),
      token: pulumi.output(token),
      apisix: pulumi
        .all([realm, client, audience.clientSecret, audience.server, apisixDiscoveryBase])
        .apply(([realmName, clientId, clientSecret, server, base = server]) =>
          openidConnectPlugin({ realm: realmName, client: clientId, clientSecret, keycloak: base }),
        ),
    };
    Object.assign(this, outputs);
    this.registerOutputs(outputs);
  }
}

/** What the children share. */
interface Target {
  readonly realm: pulumi.Output<string>;
  readonly client: pulumi.Output<string>;
  readonly username: pulumi.Output<string>;
  readonly password: pulumi.Output<string>;
  readonly apisixDiscoveryBase: pulumi.Output<string | undefined> | undefined;
  readonly connection: string | undefined;
}

/** The ensured objects, by the names of the children. */
interface Ensured {
  readonly audience: AudienceMapper;
  readonly user: User;
  readonly password: Password;
  readonly role?: RealmRole;
  readonly "role-mappings"?: RoleMappings;
}

function ensureObjects(
  parent: ApisixEnablement,
  name: string,
  { realm, client, username, password, connection }: Target,
  { customerProfile: profile }: ApisixEnablementArgs,
  withRole: boolean,
): Ensured {
  const after = (...dependsOn: pulumi.Resource[]) => ({ parent, dependsOn });
  const audience = new AudienceMapper(`${name}-audience`, { realm, client, connection }, { parent });
  const role = withRole
    ? new RealmRole(`${name}-role`, { realm, role: customerRole, connection }, { parent })
    : undefined;
  const user = new User(
    `${name}-user`,
    { realm, username, profile, connection },
    // A role that a user still has is not removed, so destroy must remove the user first.
    after(...(role ? [role] : [])),
  );
  const passwordOfUser = new Password(
    `${name}-password`,
    { realm, username, password, client, connection },
    after(user),
  );
  if (!role) return { audience, user, password: passwordOfUser };
  const mappings = new RoleMappings(
    `${name}-role-mappings`,
    { realm, username, roles: mappedRoles, ensured: [customerRole], connection },
    // The password carries the user's owner mark, so it comes first.
    after(user, role, passwordOfUser),
  );
  return { audience, user, password: passwordOfUser, role, "role-mappings": mappings };
}

function verified(
  parent: ApisixEnablement,
  name: string,
  { realm, client, username, password, apisixDiscoveryBase, connection }: Target,
  objects: Ensured,
): TokenCheck {
  const dependsOn: EnsuredResource[] = Object.values(objects);
  return new TokenCheck(
    `${name}-token`,
    {
      realm,
      client,
      username,
      password,
      roles: objects.role ? mappedRoles : [],
      apisixDiscoveryBase,
      connection,
      after: dependsOn.map(({ changedAt }) => changedAt),
    },
    { parent, dependsOn },
  );
}

/**
 * Refuses bad arguments before any resource is registered.
 * @returns whether this CX release needs the role.
 */
function validated(component: ApisixEnablement, args: ApisixEnablementArgs): boolean {
  requireProvider(component);
  const namespace = args.connection || "keycloak";
  for (const key of ["password", "clientSecret"]) {
    if (!isPlaintextConfig(`${namespace}:${key}`)) continue;
    refuse(
      component,
      `${namespace}:${key} is in the clear, and would get into the state like that: set it again with 'pulumi config set --secret ${namespace}:${key} --stack ${pulumi.getStack()}', or pass it by the environment.`,
    );
  }
  if (!args.customerPassword) refuse(component, missingPassword);
  try {
    return wantsRole(args.cxVersion || undefined);
  } catch (error) {
    throw error instanceof Failure ? new pulumi.ResourceError(error.message, component, true) : error;
  }
}

const missingPassword =
  'customerPassword is missing: it has no default; give the component a secret, for example config.requireSecret("customerPassword").';

function refuse(component: ApisixEnablement, message: string): never {
  throw new pulumi.ResourceError(message, component, true);
}

function textOr(otherwise: string, value?: pulumi.Input<string>): pulumi.Output<string> {
  return pulumi.output(value).apply((text) => text || otherwise);
}

/** @throws pulumi.ResourceError if it is not an address; at once, if it is known. */
function discoveryBase(
  component: ApisixEnablement,
  { apisixDiscoveryBase: given }: ApisixEnablementArgs,
): Target["apisixDiscoveryBase"] {
  const checked = (text: string | undefined) => {
    if (!text || isAddress(text)) return text || undefined;
    return refuse(component, `apisixDiscoveryBase must be ${addressShape}.`);
  };
  if (typeof given === "object") return pulumi.output(given).apply(checked);
  const known = checked(given);
  return known === undefined ? undefined : pulumi.output(known);
}

function warnOfGuessablePassword(component: ApisixEnablement, { username, password }: Target): void {
  if (pulumi.getStack() === "dev") return;
  pulumi.all([username, password]).apply(([name, secret]) => {
    if (name.toLowerCase() !== secret.toLowerCase()) return;
    void pulumi.log.warn(
      `The password of user '${name}' is its username, which anybody can guess: set another one.`,
      component,
    );
  });
}
