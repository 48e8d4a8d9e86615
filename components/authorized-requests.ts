// Requests that a customer must be allowed to make, as people write them: "GET /ccm/channels".

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/** A concrete path, perhaps with a query: what stands for others in a resource's URI is no part of a request. */
const shape = new RegExp(`^(${methods.join("|")}) (/[^\\s#*{}]*)$`);

export interface AuthorizedRequest {
  readonly method: string;
  readonly path: string;
}

/** Undefined if it is none. */
export function parsedRequest(text: string): AuthorizedRequest | undefined {
  const [, method, path] = shape.exec(text) ?? [];
  return method === undefined || path === undefined ? undefined : { method, path };
}

/** What is wrong with the list: completes the sentence "authorizedRequests …". Undefined if nothing is. */
export function problemWith(requests: readonly string[]): string | undefined {
  const bad = requests.find((text) => !parsedRequest(text));
  if (bad !== undefined) {
    return `has '${bad}', which is not a method (${methods.join(", ")}) and the path of a request, like 'GET /ccm/channels'.`;
  }
  const twice = requests.find((text, at) => requests.indexOf(text) !== at);
  return twice === undefined ? undefined : `has '${twice}' twice.`;
}
