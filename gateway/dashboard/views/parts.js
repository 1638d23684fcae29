// Pieces that several views share.

import { h } from "../dom.js";
import { ago, bytes, count, date, short } from "../format.js";

export const toService = (service) => `#/${encodeURIComponent(service)}`;
export const toVersion = (service, version) => `${toService(service)}/${version}`;
export const toCompare = (service, from, to) => `${toService(service)}/${from}...${to}`;

export const compareLink = (service, from, to) =>
  h("a", { class: "button", href: toCompare(service, from, to) }, `Compare ${from} and ${to}`);

// Where this view is, as links to the views above it.
export const trail = (...steps) =>
  h("nav", { class: "trail", "aria-label": "Breadcrumb" },
    h("ol", {}, steps.map(([text, href]) =>
      h("li", {}, href ? h("a", { href }, text) : h("span", { "aria-current": "page" }, text)))));

// A section with its heading, which names it.
export function section(title, ...content) {
  const id = `section-${title.toLowerCase().replace(/\W+/g, "-")}`;
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), content);
}

// A table that scrolls within itself where it is too wide, also by keyboard.
export const table = (label, head, rows) =>
  h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label },
    h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)));

export const head = (text, kind) => h("th", { scope: "col", class: kind }, text);

export const state = (state) => h("span", { class: `tag ${state}` }, state);

export const when = (time) => h("time", { datetime: new Date(time).toISOString(), title: date(time) }, ago(time));

export const digest = (sha256) => h("code", { title: `SHA-256 ${sha256}` }, short(sha256));

export const size = (version) => bytes(version.size);

export const endpoint = ({ method, path }) =>
  h("span", { class: "endpoint" }, h("b", {}, method), " ", h("code", {}, path));

// Text as it is, within a table.
export const verbatim = (text) => h("pre", { class: "inline" }, h("code", {}, text));

// Names and values.
export const facts = (entries) =>
  h("dl", { class: "facts wrap" }, entries.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

export const shape = (tensor) => (tensor.shape.length ? tensor.shape.join(" × ") : "scalar");

// A tensor a line.
export const tensors = (tensors, text) => (tensors ?? []).map((tensor) => h("div", {}, h("code", {}, text(tensor))));

export const port = (tensor) => `${tensor.element} ${shape(tensor)}`;

// The weights that are matrices; biases go without saying.
export const matrices = (model) => (model.shapes?.weights ?? []).filter((weight) => weight.shape.length > 1);

// The weights' elements, as `1,409 parameters`.
export function parameters(model) {
  const product = (tensor) => tensor.shape.reduce((all, dimension) => all * Number(dimension), 1);
  return count((model.shapes?.weights ?? []).reduce((all, tensor) => all + product(tensor), 0));
}

// What an endpoint answered at deploy, if that was kept.
export const kept = (version, endpoint) =>
  version.parity?.find((parity) => parity.endpoint === endpoint.name)?.answer ?? null;
