// A user's owner mark is the label of his password credential: the default user profile silently drops
// attributes, and Keycloak wipes this label with every reset, so it tells a changed password as well.
import type { CredentialRepresentation, RealmSession } from "../realm-session.ts";

export interface UserWithCredentials {
  readonly user: { readonly id: string; readonly username: string };
  readonly password: (CredentialRepresentation & { id: string }) | undefined;
}

/** Keycloak takes no empty label back, so this stands where there was none. */
const neutralLabel = "Password";

export function passwordOf(
  credentials: readonly CredentialRepresentation[],
): (CredentialRepresentation & { id: string }) | undefined {
  const found = credentials.find(({ type }) => type === "password");
  return found?.id ? { ...found, id: found.id } : undefined;
}

export function labelMark({ password }: UserWithCredentials): { carries: boolean; text?: string } {
  return { carries: password !== undefined, text: password?.userLabel };
}

export async function writeLabel(
  realm: RealmSession,
  { user, password }: UserWithCredentials,
  text: string | undefined,
): Promise<void> {
  const label = text ?? neutralLabel;
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
