// What GET endpoints answered when their version was deployed, side by side: the loss and accuracy of every version.

import { h, rowHead } from "../dom.js";
import { metric } from "../format.js";
import { head, kept, section, table } from "./parts.js";

// Versions that are shown, the newest first; older ones are a click away.
const SHOWN = 6;

export function metrics(versions) {
  const columns = versions.slice(-SHOWN).reverse();
  const values = columns.map(answers);
  const names = [...new Set(values.flatMap((answers) => [...answers.keys()]))];
  if (names.length === 0) {
    const none = "No GET endpoint was asked at deploy. One whose cell needs no request, or has a mock REQUEST, is.";
    return section("Metrics", h("p", { class: "quiet" }, none));
  }
  return section("Metrics",
    h("p", { class: "quiet" }, "What GET endpoints answered when each version was deployed."),
    table("Metrics by version",
      [head("Endpoint"), ...columns.map((version) => head(version.version, `number ${version.state}`))],
      names.map((name) => h("tr", {},
        rowHead(h("code", {}, name)),
        values.map((answers, index) =>
          h("td", { class: `number ${columns[index].state}` }, answers.get(name) ?? "–"))))));
}

// A version's answers by what names them: `/loss`, or `/metrics loss` where an answer is an object.
function answers(version) {
  const found = new Map();
  for (const endpoint of version.endpoints.filter((endpoint) => endpoint.method === "GET")) {
    const answer = kept(version, endpoint);
    if (answer === null) continue;
    const value = parsed(answer.body);
    if (answer.status >= 400) found.set(endpoint.path, `status ${answer.status}`);
    else if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      for (const [key, part] of Object.entries(value)) found.set(`${endpoint.path} ${key}`, said(part));
    } else found.set(endpoint.path, said(value));
  }
  return found;
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return body.trim();
  }
}

function said(value) {
  if (typeof value === "number") return h("span", { title: String(value) }, metric(value));
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 40 ? h("span", { title: text }, `${text.slice(0, 39)}…`) : text;
}
