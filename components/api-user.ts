// The component: a user that an API client logs in as, and the proof that it gets a token.
import * as pulumi from "@pulumi/pulumi";
import {
  addressOf,
  attributes,
  checkedArguments,
  flag,
  input,
  passwordOf,
  requestsOf,
  requireConnection,
  required,
  type Shapes,
  text,
  textOr,
  texts,
} from "./arguments.ts";
import { onceItExists, resourcesIn, withoutSources } from "./pulumi-internals.ts";
import { EnsuredResource } from "./resources/ensured.ts";
import { Password } from "./resources/password.ts";
import { RoleMappings } from "./resources/role-mappings.ts";
import { TokenCheck, type VerifiedToken } from "./resources/token-check.ts";
import { User } from "./resources/user.ts";

/** Arguments of an {@link ApiUser}. An empty text means the default. */
export interface ApiUserArgs {
  /** Name of the realm. It must exist, or be created by this program: then pass its output. */
  realm: pulumi.Input<string>;
  /**
   * clientId of the client that the user's tokens come from. It must allow direct grants.
   * @default "cim"
   */
  client?: pulumi.Input<string>;
  /** Username; Keycloak keeps it in lower case. */
  username: pulumi.Input<string>;
  /** The user's password, not temporary; always kept as a secret. */
  password: pulumi.Input<string>;
  /**
   * Set the password only if the user has none. Whoever changes it later has the last word: it is never set again, and
   * a reset is no drift.
   * @default false
   */
  keepPassword?: pulumi.Input<boolean>;
  /**
   * Who else must know the password: previews and `up` name it where they replace one that may be in use.
   * @default "whoever logs in with it"
   */
  passwordNeededBy?: string;
  /** Values for attributes of the realm's user profile, as in {@link ApisixEnablementArgs.customerProfile}. */
  profile?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /**
   * Names of the realm roles to map. They must exist, or be among `ensuredRoles`. It is a plain list, or undefined,
   * because it decides whether there are role mappings at all.
   */
  roles?: readonly string[];
  /** Those of the roles that this program ensures itself, so that a preview does not miss them. */
  ensuredRoles?: readonly string[];
  /**
   * Fetch and verify a real token whenever something relevant was created or changed.
   * @default true
   */
  verifyToken?: boolean;
  /** Client scope that the token must carry, and that no other client can have. */
  gatewayScope?: pulumi.Input<string>;
  /** Resources that the token needs as well, such as an Audience mapper: it is verified after them, and again if they change. */
  verifyAfter?: readonly pulumi.Resource[];
  /**
   * Where APISIX reaches Keycloak, base path included.
   * @default Keycloak's address as Pulumi uses it
   */
  apisixDiscoveryBase?: pulumi.Input<string | undefined>;
  /**
   * Where the token is fetched from Keycloak, base path included.
   * @default `apisixDiscoveryBase`
   */
  tokenBase?: pulumi.Input<string | undefined>;
  /** What the user must be allowed to do, as in {@link ApisixEnablementArgs.authorizedRequests}. */
  authorizedRequests?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Config namespace of the connection to Keycloak. This is only its name, never credentials.
   * @default "keycloak"
   */
  connection?: string;
}

const shapes: Shapes<Required<ApiUserArgs>> = {
  realm: required(input(text)),
  client: input(text),
  username: required(input(text)),
  password: { ...input(text), isSecret: true },
  keepPassword: input(flag),
  passwordNeededBy: text,
  profile: { ...input(attributes), isSecret: true },
  roles: texts,
  ensuredRoles: texts,
  verifyToken: flag,
  gatewayScope: input(text),
  verifyAfter: { words: "a list of resources", accepts: Array.isArray },
  apisixDiscoveryBase: input(text),
  tokenBase: input(text),
  authorizedRequests: input(texts),
  connection: text,
};

/**
 * A user that something other than a person logs in as: the customer of a web channel, a connector, a survey. User,
 * password and role mappings are each adopted if they exist and created if they do not. A real token proves the
 * result, with `verifyAfter`, also after a change of something else that the token needs.
 *
 * @example
 * new ApiUser("connector", { realm: "expertflow", username: "connector", password, roles: ["admin", "default"] });
 */
export class ApiUser extends pulumi.ComponentResource {
  /** Keycloak's id of the user. */
  declare readonly userId: pulumi.Output<string>;
  /** By child (`user`, `password`, `role-mappings`): true if the object existed before this stack. */
  declare readonly adopted: pulumi.Output<Record<string, boolean>>;
  /** What was verified, never the token; undefined with `verifyToken: false`. */
  declare readonly token: pulumi.Output<VerifiedToken | undefined>;

  /**
   * Ensures one user.
   *
   * @param name prefix of its children's names
   * @param args the settings
   * @param options Pulumi's options for any component
   * @throws `pulumi.ResourceError` if an argument is not what its type says, the password is missing, an
   * address or a request is malformed, or if the stack keeps Keycloak's credentials in plain text.
   */
  constructor(name: string, args: ApiUserArgs, options: pulumi.ComponentResourceOptions = {}) {
    super("keycloak-apisix:index:ApiUser", name, {}, options);
    const settings = checkedArguments(this, args, shapes);
    requireConnection(this, settings.connection);
    const target = {
      realm: onceItExists(settings.realm, options),
      client: onceItExists(textOr("cim", settings.client), options),
    };
    const password = passwordOf(this, "password", settings.password);
    Object.assign(this, ensureUser(this, name, { ...settings, ...target, password }, options.dependsOn));
    this.registerOutputs();
  }
}

/** Checked arguments of an {@link ApiUser}. */
export interface UserSettings extends ApiUserArgs {
  client: pulumi.Output<string>;
  password: pulumi.Output<string>;
}

/**
 * Makes a user, and proves that it gets a token. The customer's resources stand in the component of its realm: one of
 * its own would make the state larger, and every step that writes it slower.
 */
export function ensureUser(
  parent: pulumi.ComponentResource,
  name: string,
  settings: UserSettings,
  dependsOn: pulumi.ResourceOptions["dependsOn"],
) {
  const { client, password, roles, keepPassword: keep, passwordNeededBy: neededBy, gatewayScope } = settings;
  const common = {
    realm: settings.realm,
    username: pulumi.output(settings.username),
    connection: settings.connection || undefined,
  };
  warnOfGuessablePassword(parent, common.username, password);

  const earlier = resourcesIn(dependsOn);
  const after = (...each: pulumi.Resource[]) => ({ parent, dependsOn: each });
  const user = new User(
    `${name}-user`,
    { ...common, profile: settings.profile },
    { parent, dependsOn: earlier },
  );
  const ofUser = new Password(
    `${name}-password`,
    { ...common, password, client, keep, neededBy },
    after(user),
  );
  const mappings =
    roles &&
    new RoleMappings(
      `${name}-role-mappings`,
      { ...common, roles: [...roles], ensured: [...(settings.ensuredRoles ?? [])] },
      {
        parent,
        // The password carries the user's owner mark, so it comes first. A role that goes with its mapping goes after it.
        dependsOn: earlier.apply((all) => [...all, ofUser]),
      },
    );
  const ensured = { user, password: ofUser, ...(mappings && { "role-mappings": mappings }) };
  const { verifyAfter = [] } = settings;
  const changedAt = [...verifyAfter, ...Object.values(ensured)].flatMap((each) =>
    each instanceof EnsuredResource ? [each.changedAt] : [],
  );
  const token =
    settings.verifyToken === false
      ? undefined
      : new TokenCheck(
          `${name}-token`,
          {
            ...common,
            client,
            password,
            keep,
            gatewayScope,
            roles: [...(roles ?? [])],
            apisixDiscoveryBase: addressOf(parent, "apisixDiscoveryBase", settings.apisixDiscoveryBase),
            tokenBase: addressOf(parent, "tokenBase", settings.tokenBase),
            authorizedRequests: requestsOf(parent, settings.authorizedRequests),
            after: withoutSources(pulumi.all(changedAt)),
          },
          // All others come before these.
          after(...verifyAfter, mappings ?? ofUser),
        ).token;
  return {
    userId: user.uuid,
    adopted: pulumi.output(
      Object.fromEntries(Object.entries(ensured).map(([child, { adopted }]) => [child, adopted])),
    ),
    token: pulumi.output(token),
  };
}

function warnOfGuessablePassword(
  component: pulumi.Resource,
  username: pulumi.Output<string>,
  password: pulumi.Output<string>,
): void {
  if (pulumi.getStack() === "dev") return;
  pulumi.all([username, password]).apply(([name, secret]) => {
    if (name?.toLowerCase() !== secret.toLowerCase()) return;
    void pulumi.log.warn(
      `The password of user '${name}' is its username, which anybody can guess, and Pulumi may hide that word in all that it prints: set another one.`,
      component,
    );
  });
}
