// SHA-512 of Keycloak's distribution, by version: of those that `npm start` and `npm test` run by default.
export const digests: Readonly<Record<string, string>> = {
  "19.0.1":
    "fe26395b7d146cdb8f05952e962c49e1c0eb1af059f54eab4ba66551951e1e14363a9b7557370d32929e6c83146c56302afe86f7e2c8f75fe3d8b99097660029",
  "26.7.3":
    "15c764765576eef267cf15cc5225a5826b5394a25a83d9bfa5b8544e4bbba690cb743c9d384200b93bb71ee4c4a328e1dd8c0a00f822fd3e6e154f14b1e47216",
};
