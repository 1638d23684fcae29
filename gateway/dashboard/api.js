// The admin API. A token, where the gateway asks for one, lives as long as the tab.

import { askForToken } from "./dialogs.js";

const KEY = "titan-token";
const listeners = [];
let asking = null;

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// Calls the API and gives its JSON. Anything with a body is a POST of JSON, which no form of another page can send.
export async function api(path, { body, signal } = {}) {
  const response = await send(path, { body, signal });
  return response.status === 204 ? null : response.json();
}

// The answer's bytes, for files.
export async function download(path) {
  return (await send(path, {})).blob();
}

export function signOut() {
  sessionStorage.removeItem(KEY);
  tell();
}

// Calls `listener` with whether there is a token, now and whenever that changes.
export function onSignedIn(listener) {
  listeners.push(listener);
  tell();
}

export const inService = (service, ...rest) =>
  ["/v1/services", service, ...rest].map((part, index) => (index ? encodeURIComponent(part) : part)).join("/");

async function send(path, { body, signal }) {
  const token = sessionStorage.getItem(KEY);
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const method = body === undefined ? "GET" : "POST";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "the gateway does not answer: check that it runs and that this machine reaches it");
  }
  if (response.ok) return response;
  const message = await response.json().then((json) => json.error, () => `status ${response.status}`);
  if (response.status !== 401) throw new ApiError(response.status, message);
  // Calls that run at once ask once.
  asking ??= askForToken(token && message).finally(() => { asking = null; });
  const given = await asking;
  if (given === null) throw new ApiError(401, message);
  sessionStorage.setItem(KEY, given);
  tell();
  signal?.throwIfAborted();
  return send(path, { body, signal });
}

function tell() {
  for (const listener of listeners) listener(sessionStorage.getItem(KEY) !== null);
}
