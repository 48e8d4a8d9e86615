// SHA-512 of Keycloak's distribution, by version: of the one that runs by default. Others are not pinned.
export const digests: Readonly<Record<string, string>> = {
  "26.7.3":
    "15c764765576eef267cf15cc5225a5826b5394a25a83d9bfa5b8544e4bbba690cb743c9d384200b93bb71ee4c4a328e1dd8c0a00f822fd3e6e154f14b1e47216",
};
