// Which addresses get credentials: those that the operator named, and none that only a document names.

/** Is this address on the same server as the named one, below its path? */
export function isBelow(address: string, named: string): boolean {
  if (!URL.canParse(address) || !URL.canParse(named)) return false;
  const [it, base] = [new URL(address), new URL(named)];
  // Any other scheme has the origin "null".
  if (it.origin !== base.origin || !/^https?:$/.test(base.protocol) || it.username || it.password)
    return false;
  return it.pathname.startsWith(`${base.pathname.replace(/\/+$/, "")}/`);
}
