// A user's owner mark is the label of its password credential, because the default user profile silently drops
// attributes. Keycloak wipes this label with every reset, so it also shows that the password was changed.
import type { Mark } from "../ensure/marks.ts";
import type { CredentialRepresentation, Realm } from "../keycloak/realm.ts";

export interface UserWithPassword {
  readonly user: { readonly id: string; readonly username: string };
  readonly password: PasswordCredential | undefined;
}

export type PasswordCredential = CredentialRepresentation & { readonly id: string };

/** Keycloak accepts no empty label, so a password that had none gets this one when the mark is removed. */
const neutralLabel = "Password";

export function passwordOf(credentials: readonly CredentialRepresentation[]): PasswordCredential | undefined {
  const found = credentials.find(({ type }) => type === "password");
  return found?.id ? { ...found, id: found.id } : undefined;
}

export function markOn(password: PasswordCredential | undefined): Mark {
  return { carries: password !== undefined, text: password?.userLabel };
}

/** @param mark without text if it is to be removed */
export async function writeMark(
  realm: Realm,
  { user, password }: UserWithPassword,
  mark: { readonly text: string | undefined },
): Promise<void> {
  const label = mark.text ?? neutralLabel;
  if (!password || password.userLabel === label) return;
  await realm.write(
    `Labelling the password of user '${user.username}'`,
    ["credentials"],
    () =>
      realm.admin.users.updateCredentialLabel(
        { realm: realm.name, id: user.id, credentialId: password.id },
        label,
      ),
    async () => passwordOf(await realm.credentials(user))?.userLabel === label,
  );
}
