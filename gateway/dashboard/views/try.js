// A request to one endpoint of one version. It goes through the admin API, counts in no statistics, and reaches
// versions that no route points to.

import { api, inService } from "../api.js";
import { h, fill, unique } from "../dom.js";
import { bytes, milliseconds } from "../format.js";
import { section } from "./parts.js";
import { sample } from "./sample.js";

export function tryOut(service, versions, active) {
  const ids = { version: unique("version"), endpoint: unique("endpoint"), path: unique("path"), body: unique("body") };
  const chosen = () => versions.find((version) => version.version === inputs.version.value);
  const option = (name) => h("option", { value: name, selected: name === active }, name);
  const inputs = {
    version: h("select", { id: ids.version, onchange: () => endpoints() }, versions.map((v) => option(v.version))),
    endpoint: h("select", { id: ids.endpoint, onchange: () => prefill() }),
    path: h("input", { id: ids.path, required: true, spellcheck: "false", autocomplete: "off" }),
    body: h("textarea", { id: ids.body, rows: "10", spellcheck: "false" }),
  };
  const bodyField = field("Body", ids.body, inputs.body);
  const result = h("div", { class: "answer", "aria-live": "polite" });
  const answered = h("div", { class: "field" }, h("h3", {}, "Answer"), result);
  const endpoint = () => chosen().endpoints[inputs.endpoint.value];

  function endpoints() {
    const before = inputs.endpoint.selectedOptions[0]?.textContent;
    fill(inputs.endpoint, chosen().endpoints.map(({ method, path }, index) =>
      h("option", { value: String(index), selected: `${method} ${path}` === before }, `${method} ${path}`)));
    prefill();
  }

  function prefill() {
    const { path, body } = sample(endpoint());
    inputs.path.value = path;
    inputs.body.value = body;
    bodyField.hidden = endpoint().method === "GET";
    fill(result, h("p", { class: "quiet" }, "Not sent yet."));
  }

  async function send(event) {
    event.preventDefault();
    const { method } = endpoint();
    const request = { method, path: inputs.path.value, ...payload(method, inputs.body.value) };
    fill(result, h("p", { class: "quiet" }, "Waiting for the answer…"));
    try {
      fill(result, answer(await api(inService(service, "versions", chosen().version, "try"), { body: request })));
    } catch (error) {
      fill(result, h("p", { class: "bad", role: "alert" }, error.message));
    }
  }

  endpoints();
  // One that takes a body shows most.
  const first = chosen().endpoints.findIndex((one) => sample(one).body !== "");
  if (first > 0) {
    inputs.endpoint.value = String(first);
    prefill();
  }
  return section("Try an endpoint",
    h("div", { class: "columns" },
      h("form", { class: "try", onsubmit: send },
        h("div", { class: "pair" },
          field("Endpoint", ids.endpoint, inputs.endpoint),
          field("Version", ids.version, inputs.version)),
        field("Path and query", ids.path, inputs.path),
        bodyField,
        h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Send"))),
      answered));
}

const field = (label, id, input) => h("div", { class: "field" }, h("label", { for: id }, label), input);

export function payload(method, body) {
  if (method === "GET" || body === "") return {};
  return { body, content_type: isJson(body) ? "application/json" : "text/plain" };
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export const answer = (tried) => [
  h("p", {},
    h("span", { class: tried.status < 400 ? "tag active" : "tag failed" }, String(tried.status)), " ",
    h("span", { class: "quiet" }, `${tried.version} · ${milliseconds(tried.took_ms)} · ${bytes(tried.bytes)}`)),
  h("pre", { tabindex: "0", role: "group", "aria-label": "Answer" }, h("code", {}, pretty(tried.body) ?? "(not text)")),
  h("details", {}, h("summary", {}, "Headers"),
    h("dl", { class: "facts" }, tried.headers.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))),
];

export function pretty(body) {
  if (body === null || !/^\s*[[{]/.test(body) || !isJson(body)) return body;
  return JSON.stringify(JSON.parse(body), null, 2);
}
