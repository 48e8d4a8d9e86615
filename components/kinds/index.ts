// The only list of the kinds: a line here gives a kind its dynamic provider.
import type { Realm } from "../keycloak/realm.ts";
import { ensured } from "../provider/ensured.ts";
import type { ProviderProcess } from "../provider/process.ts";
import { proof } from "../provider/proof.ts";
import type { Methods } from "../provider/protocol.ts";
import { tokenCheck } from "../token/check.ts";
import { audienceMapper } from "./audience-mapper.ts";
import { gatewayScope } from "./gateway-scope.ts";
import { password } from "./password.ts";
import { realmRole } from "./realm-role.ts";
import { roleMappings } from "./role-mappings.ts";
import { tokenLifespan } from "./token-lifespan.ts";
import { user } from "./user.ts";

/** The providers of one process, by the kind's name in the resource classes. They share what the process knows. */
export function kinds(process: ProviderProcess<Realm>) {
  return {
    audienceMapper: ensured(audienceMapper, process),
    gatewayScope: ensured(gatewayScope, process),
    tokenLifespan: ensured(tokenLifespan, process),
    user: ensured(user, process),
    password: ensured(password, process),
    realmRole: ensured(realmRole, process),
    roleMappings: ensured(roleMappings, process),
    tokenCheck: proof(tokenCheck, process),
  } satisfies Record<string, Methods>;
}

export type KindName = keyof ReturnType<typeof kinds>;
