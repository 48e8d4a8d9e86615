// A user directory like those that companies run: UnboundID's in-memory LDAP server, from Maven.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import type { TestRealm } from "../keycloak/realm.ts";
import { cache, exists, fillOnce } from "../machine/folders.ts";
import { fetchFromMaven } from "../packages/maven.ts";

const version = "7.0.5";
const sha512 =
  "78ecdbc8055a767255a7e1e60e7c6bd5f688f1d9520b9d882220e92e3be73b0aa2d1831cf1f7e41ef9ac6a10d37990873ae89666a8ea0cc280f53f930b7d9b45";
const admin = { dn: "cn=admin", password: "directory-admin" };
const base = "dc=example,dc=org";

export interface Directory {
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts a directory with one person in it. */
export async function startDirectory(uid: string, password: string): Promise<Directory> {
  const people = await mkdtemp(path.join(tmpdir(), "directory-"));
  const ldif = path.join(people, "people.ldif");
  await writeFile(ldif, entries(uid, password));
  const server = spawn(
    "java",
    [
      ["-cp", await ensureJar(), "com.unboundid.ldap.listener.InMemoryDirectoryServerTool"],
      ["--baseDN", base, "--ldifFile", ldif],
      ["--additionalBindDN", admin.dn, "--additionalBindPassword", admin.password],
    ].flat(),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const stop = async () => {
    const ended = once(server, "exit");
    server.kill();
    await ended;
  };
  for await (const line of createInterface(server.stdout)) {
    const port = /connections on port (\d+)/.exec(line)?.[1];
    if (port) return { address: `ldap://127.0.0.1:${port}`, stop };
  }
  throw new Error("The directory server ended before it was listening.");
}

/** Makes the realm take users from the directory, read-only. */
export async function federate(realm: TestRealm, address: string): Promise<void> {
  const { id: parentId } = await realm.admin("GET", "");
  const config = {
    enabled: "true",
    priority: "0",
    editMode: "READ_ONLY",
    importEnabled: "true",
    vendor: "other",
    usernameLDAPAttribute: "uid",
    rdnLDAPAttribute: "uid",
    uuidLDAPAttribute: "entryUUID",
    userObjectClasses: "inetOrgPerson",
    connectionUrl: address,
    usersDn: base,
    authType: "simple",
    bindDn: admin.dn,
    bindCredential: admin.password,
    searchScope: "1",
  };
  await realm.admin("POST", "/components", {
    name: "directory",
    providerId: "ldap",
    providerType: "org.keycloak.storage.UserStorageProvider",
    parentId,
    config: Object.fromEntries(Object.entries(config).map(([key, value]) => [key, [value]])),
  });
}

function entries(uid: string, password: string): string {
  return [
    [`dn: ${base}`, "objectClass: domain", "dc: example"],
    [
      `dn: uid=${uid},${base}`,
      "objectClass: inetOrgPerson",
      `uid: ${uid}`,
      "cn: Some",
      "sn: Body",
      `mail: ${uid}@example.org`,
      `userPassword: ${password}`,
    ],
  ]
    .map((entry) => entry.join("\n"))
    .join("\n\n");
}

async function ensureJar(): Promise<string> {
  const folder = path.join(cache, `unboundid-ldapsdk-${version}`);
  const jarIn = (made: string) => path.join(made, "ldapsdk.jar");
  await fillOnce(
    folder,
    (made) => exists(jarIn(made)),
    async (fresh) => {
      await fetchFromMaven("copy", `com.unboundid:unboundid-ldapsdk:${version}:jar`, fresh, sha512);
      await rename(path.join(fresh, `unboundid-ldapsdk-${version}.jar`), jarIn(fresh));
    },
  );
  return jarIn(folder);
}
