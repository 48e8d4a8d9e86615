// A private certificate authority like those that companies run, made with openssl.
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";

export interface Authority {
  /** PEM text. */
  readonly certificate: string;
  readonly certificateFile: string;
  /** Issues a key and a certificate for a host, as texts and as files. */
  issue(host: string): Promise<Issued>;
}

export interface Issued {
  readonly key: string;
  readonly cert: string;
  readonly keyFile: string;
  readonly certFile: string;
}

export async function makeAuthority(): Promise<Authority> {
  const folder = await mkdtemp(path.join(tmpdir(), "authority-"));
  const openssl = (...args: string[]) => execa("openssl", args, { cwd: folder });
  const newKey = ["-newkey", "rsa:2048", "-nodes"];
  const own = ["-keyout", "ca.key", "-out", "ca.pem"];
  await openssl("req", "-x509", ...newKey, ...own, "-days", "2", "-subj", "/CN=Test CA");
  const certificateFile = path.join(folder, "ca.pem");
  return {
    certificate: await readFile(certificateFile, "utf8"),
    certificateFile,
    async issue(host) {
      const keyFile = path.join(folder, `${host}.key`);
      const certFile = path.join(folder, `${host}.pem`);
      const files = ["-keyout", keyFile, "-out", certFile];
      const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", `subjectAltName=DNS:${host}`];
      await openssl("req", "-x509", ...newKey, ...files, ...signed, "-days", "2", "-subj", `/CN=${host}`);
      const [key, cert] = await Promise.all([readFile(keyFile, "utf8"), readFile(certFile, "utf8")]);
      return { key, cert, keyFile, certFile };
    },
  };
}
