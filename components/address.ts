// Where others than Pulumi reach a Keycloak, as people write it.

/** Completes the sentence "apisixDiscoveryBase must be …". It shows no value, which may hold credentials. */
export const addressShape =
  "an address of Keycloak, like http://keycloak.ef-external.svc/auth: http or https, ending with the base path, without credentials";

/** Can a realm's address be made by appending to this one? */
export function isAddress(text: string): boolean {
  if (!/^https?:\/\/[^\s?#]+$/i.test(text)) return false;
  const url = URL.parse(text);
  return url !== null && !url.username && !url.password && !url.pathname.split("/").includes("realms");
}
