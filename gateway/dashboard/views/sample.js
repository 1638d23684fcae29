// An endpoint's sample request, from the mock `REQUEST` that its notebook has for it.

// Path with query, and body, as a form shows them.
export function sample(endpoint) {
  const request = endpoint.example ?? {};
  const filled = endpoint.path.replace(/:(\w+)/g, (all, name) =>
    request.path?.[name] === undefined ? all : encodeURIComponent(request.path[name]));
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries(request.args ?? {})) {
    for (const value of [values].flat()) query.append(name, value);
  }
  const path = query.size ? `${filled}?${query}` : filled;
  const { body } = endpoint.method === "GET" ? {} : request;
  if (body === undefined || body === "") return { path, body: "" };
  return { path, body: typeof body === "string" ? body : JSON.stringify(body, null, 2) };
}
