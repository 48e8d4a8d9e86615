// The package's export `keycloak-apisix/provider`, which the engine's dynamic provider process loads
// (provider/text.ts). It connects the kinds with Keycloak and Pulumi.
import { Failure } from "./failure.ts";
import type { Realm } from "./keycloak/realm.ts";
import { Sessions } from "./keycloak/sessions.ts";
import { kinds } from "./kinds/index.ts";
import { beforeTheEnd } from "./provider/ending.ts";
import { say } from "./provider/log.ts";
import { ProviderProcess } from "./provider/process.ts";
import type { DynamicProvider, Methods } from "./provider/protocol.ts";

const { configure, providers, logOut } = newProcess();
beforeTheEnd(logOut);

/** The provider of one kind. */
export function provider(kind: string): DynamicProvider {
  const methods = providers.get(kind);
  if (methods) return { configure, ...methods };
  throw new Failure(
    `This version of keycloak-apisix does not know the kind '${kind}': the state was written by a newer one, so install that.`,
  );
}

/** All that one command of the CLI shares. A process has one of these; only tests create more. */
export function newProcess(): {
  readonly configure: DynamicProvider["configure"];
  readonly providers: ReadonlyMap<string, Methods>;
  /** Ends the sessions that it has opened at Keycloak. */
  readonly logOut: () => Promise<void>;
} {
  let sessions: Sessions | undefined;
  const process = new ProviderProcess<Realm>((config) => {
    const opened = new Sessions(config, (text, severity = "warning") => say(severity, text));
    sessions = opened;
    return ({ realm, connection }) => opened.realm(realm, connection);
  });
  return {
    configure: ({ config }) => process.configure((key) => config.get(key)),
    providers: new Map(Object.entries(kinds(process))),
    logOut: async () => sessions?.logOut(),
  };
}
