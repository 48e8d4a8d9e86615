// The proof: a token for the customer, verified both ways that APISIX may ask (by the realm's keys and by
// introspection). It changes nothing in Keycloak, so it has a lifecycle of its own: it runs when something
// relevant was created or changed, and never in a preview.
import type { JSONWebKeySet } from "jose";
import { clientCredentials, directGrant, endSession, type Tokens } from "./direct-grant.ts";
import { asKeycloakError, KeycloakError } from "./errors.ts";
import type { KindInputs } from "./kinds/kind.ts";
import type { Forecast, Lifecycle, Outs } from "./lifecycle.ts";
import type { ProviderProcess } from "./process.ts";
import { requiredAttributes } from "./profile.ts";
import type { ClientRepresentation, RealmSession } from "./realm-session.ts";
import { hasUnknown } from "./unknown.ts";
import { warn } from "./warnings.ts";

export interface TokenCheckInputs extends KindInputs {
  readonly client: string;
  readonly username: string;
  readonly password: string;
  /** Realm roles that the token must carry. */
  readonly roles: readonly string[];
  /** Where APISIX reaches Keycloak, base path included, if not where we do. */
  readonly apisixDiscoveryBase?: string;
  /** When each of the ensured objects was last written: a new time runs the check again. */
  readonly after: readonly string[];
}

/** What was verified; never the token. */
export interface VerifiedToken {
  /** `iss`: the realm's address, as Keycloak itself calls it. */
  readonly issuer: string;
  /** `aud`: the client is among them. */
  readonly audiences: readonly string[];
  /** `scope`: what APISIX requires is among them. */
  readonly scopes: readonly string[];
  /** Realm roles: those that were mapped are among them. */
  readonly roles: readonly string[];
  /** Id of the realm's key that signed it. */
  readonly keyId: string;
  /** Algorithm of the signature: `RS256`. */
  readonly algorithm: string;
  /** Where introspection said `active: true`; undefined for a public client, which cannot ask. */
  readonly introspectedAt?: string;
  /** When it was verified (ISO 8601). */
  readonly verifiedAt: string;
}

/** APISIX requires these of every token (guide: required_scopes). */
const requiredScopes = ["email", "profile"];

export function tokenCheck(process: ProviderProcess): Lifecycle<TokenCheckInputs> {
  const realmOf = (inputs: TokenCheckInputs) => process.session(inputs.connection).realm(inputs.realm);

  async function outs(news: TokenCheckInputs & Forecast): Promise<object> {
    const realm = realmOf(news);
    realm.forgetOld();
    return { ...news, server: realm.session.server, token: await verify(realm, news) };
  }

  return {
    async check(olds, news) {
      const { plan: _plan, ...inputs } = news;
      const { after: _after, ...known } = inputs;
      // As with all kinds, `plan` stays.
      if (olds.realm !== undefined) return { inputs: { ...inputs, ...(olds.plan && { plan: olds.plan }) } };
      if (hasUnknown(known)) return { inputs };
      return { inputs: { ...inputs, plan: "create" } };
    },
    async diff(olds, news) {
      const { plan: _plan, after, ...inputs } = news;
      // Unknown in a preview where something else changes: that is where the drift is shown, not here.
      const changed = (key: keyof typeof inputs) => JSON.stringify(inputs[key]) !== JSON.stringify(olds[key]);
      const keys = [
        "realm",
        "client",
        "username",
        "password",
        "roles",
        "apisixDiscoveryBase",
        "connection",
      ] as const satisfies readonly (keyof typeof inputs)[];
      if (keys.some(changed)) return { changes: true };
      if (!hasUnknown(after) && JSON.stringify(after) !== JSON.stringify(olds.after))
        return { changes: true };
      return { changes: realmOf(news).session.server !== olds.server };
    },
    async create(news) {
      return { id: `${news.realm}/token/${news.client}/${news.username}`, outs: await outs(news) };
    },
    async read(id, recorded) {
      const { server: _server, token: _token, ...inputs } = recorded as Outs<TokenCheckInputs>;
      return { id, props: recorded, inputs };
    },
    async update(_olds, news) {
      return { outs: await outs(news) };
    },
    async delete() {
      // A check leaves nothing behind.
    },
  };
}

async function verify(realm: RealmSession, inputs: TokenCheckInputs): Promise<VerifiedToken> {
  const client = await realm.usableClient(inputs.client);
  const answer = await directGrant(realm, client, inputs.username, inputs.password);
  if (answer.outcome !== "token") throw await refused(realm, client, inputs, answer);
  try {
    return await verifyTokens(realm, client, inputs, answer.tokens);
  } finally {
    await endSession(realm, client, answer.tokens).catch(async (error) =>
      warn(`${asKeycloakError(error).message} The session ends by itself.`),
    );
  }
}

async function verifyTokens(
  realm: RealmSession,
  client: ClientRepresentation,
  inputs: TokenCheckInputs,
  tokens: Tokens,
): Promise<VerifiedToken> {
  const failed = (why: string) =>
    new KeycloakError(`${subject(realm, inputs)} is not one that APISIX accepts: ${why}.`);
  const discovery = await discover(realm, inputs);
  const keys = await realm.session.ask(
    "Reading the realm's keys",
    `${realm.address}/protocol/openid-connect/certs`,
  );
  // Loaded here, because most commands have no token to verify.
  const { createLocalJWKSet, errors, jwtVerify } = await import("jose");
  const keySet = createLocalJWKSet(keys.body as unknown as JSONWebKeySet);
  const verified = async (token: string, what: string) => {
    try {
      return await jwtVerify(token, keySet, { issuer: discovery.issuer });
    } catch (error) {
      if (error instanceof errors.JWTClaimValidationFailed && error.claim === "iss") {
        throw failed(
          `its issuer is ${String(error.payload.iss)}, but at ${discovery.base} the realm calls itself ${discovery.issuer}; fix the server's hostname (Keycloak option 'hostname') so that both addresses give the same issuer`,
        );
      }
      throw failed(
        `the signature of the ${what} token does not verify against the realm's keys (${String(error)})`,
      );
    }
  };
  const { payload, protectedHeader } = await verified(tokens.access, "access");
  if (protectedHeader.alg !== "RS256") {
    throw failed(
      `it is signed with ${protectedHeader.alg}, and APISIX expects RS256; set the realm's default signature algorithm`,
    );
  }
  const audiences = [payload.aud ?? []].flat();
  if (!audiences.includes(inputs.client)) {
    throw failed(
      `its audience (${audiences.join(", ") || "none"}) lacks '${inputs.client}', so the Audience mapper does not work`,
    );
  }
  if (!tokens.id) throw failed("no ID token came with it, although scope 'openid' was asked for");
  const idToken = await verified(tokens.id, "ID");
  if (![idToken.payload.aud ?? []].flat().includes(inputs.client)) {
    throw failed(`the ID token's audience lacks '${inputs.client}'`);
  }
  const scopes = String(payload.scope ?? "")
    .split(" ")
    .filter(Boolean);
  const lacking = requiredScopes.filter((scope) => !scopes.includes(scope));
  if (lacking.length > 0) {
    throw failed(
      `its scope (${scopes.join(" ") || "none"}) lacks ${lacking.map((scope) => `'${scope}'`).join(" and ")}: make them default client scopes of client '${inputs.client}'`,
    );
  }
  const introspected = await introspect(realm, client, inputs, tokens, discovery);
  const roles = rolesOf(payload) ?? rolesOf(introspected?.claims ?? {}) ?? [];
  const missing = inputs.roles.filter((role) => !roles.includes(role));
  if (missing.length > 0) {
    throw failed(
      `its realm roles (${roles.join(", ") || "none"}) lack ${missing.map((role) => `'${role}'`).join(" and ")}; see whether client '${inputs.client}' has the client scope 'roles', and 'Full scope allowed' on`,
    );
  }
  return {
    issuer: discovery.issuer,
    audiences,
    scopes,
    roles,
    keyId: protectedHeader.kid ?? "",
    algorithm: protectedHeader.alg,
    ...(introspected && { introspectedAt: introspected.at }),
    verifiedAt: new Date().toISOString(),
  };
}

interface Discovery {
  /** The realm's address, at which APISIX reads the discovery document. */
  readonly base: string;
  readonly issuer: string;
  /** Where that document sends APISIX for introspection: with a fixed hostname another address than `base`. */
  readonly introspection: string;
}

/** The realm as APISIX sees it, where that address is reachable from here; else as we see it. */
async function discover(realm: RealmSession, { apisixDiscoveryBase }: TokenCheckInputs): Promise<Discovery> {
  const read = async (base: string): Promise<Discovery> => {
    const { body } = await realm.session.ask(
      "Reading the discovery document",
      `${base}/.well-known/openid-configuration`,
    );
    if (typeof body.issuer !== "string") {
      throw new KeycloakError(`Reading the discovery document failed: there is none at ${base}.`);
    }
    const { issuer, introspection_endpoint: named } = body;
    return { base, issuer, introspection: typeof named === "string" ? named : introspectionAt(base) };
  };
  if (apisixDiscoveryBase) {
    const base = `${apisixDiscoveryBase.replace(/\/+$/, "")}/realms/${encodeURIComponent(realm.name)}`;
    try {
      return await read(base);
    } catch (error) {
      await warn(
        `APISIX's own address ${apisixDiscoveryBase} is not reachable from here, so introspection was asked at ${realm.session.server} instead: what APISIX will see there is not proven (${asKeycloakError(error).message})`,
      );
    }
  }
  return read(realm.address);
}

async function introspect(
  realm: RealmSession,
  client: ClientRepresentation,
  inputs: TokenCheckInputs,
  tokens: Tokens,
  discovery: Discovery,
): Promise<{ at: string; claims: Readonly<Record<string, unknown>> } | undefined> {
  // A public client cannot ask; the mapper's check has said so already.
  if (client.publicClient) return undefined;
  const ask = async (at: string) => {
    const form = { token: tokens.access, ...clientCredentials(client) };
    return { at, ...(await realm.session.ask("Introspecting the token", at, form)) };
  };
  const { at, status, body } = await ask(discovery.introspection).catch(async (error) => {
    const here = introspectionAt(discovery.base);
    if (discovery.introspection === here) throw error;
    await warn(
      `The discovery document at ${discovery.base} sends APISIX to ${discovery.introspection} for introspection, which is not reachable from here, so it was asked at ${here} instead: see that APISIX reaches it, or set Keycloak's option 'hostname-backchannel-dynamic' (${asKeycloakError(error).message})`,
    );
    return ask(here);
  });
  if (body.active === true) return { at, claims: body };
  const said =
    status === 200 ? "active: false" : `${status} ${String(body.error_description ?? body.error ?? "")}`;
  throw new KeycloakError(
    `${subject(realm, inputs)} is not one that APISIX accepts: introspection by client '${inputs.client}' at ${at} answered ${said}; either the address differs from the one in the token (fix the server's hostname), or the client is not in its audience.`,
  );
}

const introspectionAt = (base: string) => `${base}/protocol/openid-connect/token/introspect`;

function rolesOf(claims: Readonly<Record<string, unknown>>): string[] | undefined {
  const { roles } = (claims.realm_access ?? {}) as { roles?: unknown };
  return Array.isArray(roles) ? roles.map(String) : undefined;
}

function subject(realm: RealmSession, { username, client }: TokenCheckInputs): string {
  return `The token of user '${username}' from client '${client}' in realm '${realm.name}'`;
}

/** Why no token came, in words: Keycloak's own answer rarely says it. */
async function refused(
  realm: RealmSession,
  client: ClientRepresentation,
  inputs: TokenCheckInputs,
  answer: { readonly outcome: string; readonly said: string },
): Promise<KeycloakError> {
  const why = await causeOf(realm, client, inputs, answer).catch(() => undefined);
  return new KeycloakError(
    `Getting a token for user '${inputs.username}' at client '${inputs.client}' in realm '${realm.name}' failed: Keycloak answered ${answer.said}; ${why ?? "see the realm's events for the cause"}.`,
  );
}

async function causeOf(
  realm: RealmSession,
  client: ClientRepresentation,
  inputs: TokenCheckInputs,
  { outcome, said }: { readonly outcome: string; readonly said: string },
): Promise<string | undefined> {
  const settings = await realm.settings();
  if (settings.enabled === false)
    return `realm '${realm.name}' is disabled: enable it (Realm settings, 'Enabled')`;
  if (client.enabled === false)
    return `client '${inputs.client}' is disabled: enable it (Clients, ${inputs.client})`;
  if (client.directAccessGrantsEnabled !== true) {
    return `client '${inputs.client}' does not allow direct grants: switch 'Direct access grants' on (Clients, ${inputs.client}, Settings)`;
  }
  if (realm.session.server.startsWith("http:") && settings.sslRequired === "all") {
    return `realm '${realm.name}' requires SSL for all requests: use an https address, or set 'Require SSL' to 'External requests'`;
  }
  const user = await realm.user(inputs.username);
  if (!user) return "the user is not there";
  const credentials = await realm.credentials(user);
  // Before a lock, which trying in vain may have brought about.
  if (credentials.some(({ type }) => type === "otp")) {
    return `user '${inputs.username}' has OTP set up, and a direct grant sends none: remove that credential (Users, ${inputs.username}, Credentials)`;
  }
  const { count, isLocked } = await realm.failedLogins(user);
  if (isLocked) {
    return `the user is locked by brute-force detection after ${count} failed logins: unlock him (Users, ${inputs.username}), or wait`;
  }
  if (user.enabled === false) return `user '${inputs.username}' is disabled: enable him`;
  const pending = user.requiredActions ?? [];
  if (outcome === "not fully set up" && pending.length > 0) {
    const temporary = pending.includes("UPDATE_PASSWORD") ? " (the password is temporary)" : "";
    return `required actions are pending: ${pending.join(", ")}${temporary}; clear them (Users, ${inputs.username}, Details)`;
  }
  if (outcome === "not fully set up") {
    const attributes = (user.attributes ?? {}) as Record<string, unknown>;
    const representation = user as unknown as Record<string, unknown>;
    const missing = requiredAttributes(await realm.userProfile()).filter(
      (name) => !representation[name] && !attributes[name],
    );
    return missing.length > 0
      ? `the realm's user profile requires ${missing.join(", ")}, which user '${inputs.username}' lacks`
      : `the profile of user '${inputs.username}' is incomplete: see Realm settings, User profile`;
  }
  if (outcome === "bad credentials") return "the password is not the configured one";
  if (said.includes("HTTPS required")) {
    return `realm '${realm.name}' requires SSL for external requests, and this one came over http: use an https address`;
  }
  return undefined;
}
