// What two versions answer to the same sample: at first what each answered at deploy and, when asked to, what they
// answer now.

import { api, inService } from "../api.js";
import { h, fill, rowHead } from "../dom.js";
import { milliseconds } from "../format.js";
import { endpoint, head, kept, section, table, verbatim } from "./parts.js";
import { sample } from "./sample.js";
import { payload, pretty } from "./try.js";

export function outputs(service, pair) {
  const rows = shared(pair).map((one) => row(pair, one));
  const said = h("p", { class: "quiet", role: "status" },
    "Each version's answer to its own sample request, when it was deployed.");
  const button = h("button", { onclick: run }, "Send the same samples to both");

  async function run() {
    button.disabled = true;
    fill(said, "Waiting for the answers…");
    for (const { one, show } of rows) {
      await Promise.all(pair.map(async (version, index) => show(index, await ask(service, version, one))));
    }
    fill(said, `The answers of both versions to the sample requests of ${pair[1].version}.`);
    button.disabled = false;
  }

  return section("Answers", h("div", { class: "above" }, said, button),
    table("Answers", [head("Endpoint"), ...pair.map((version) => head(version.version))],
      rows.map(({ element }) => element)));
}

// Endpoints of either version; where both have one, as the later has it.
function shared([from, to]) {
  const key = ({ method, path }) => `${method} ${path}`;
  const all = new Map([...from.endpoints, ...to.endpoints].map((one) => [key(one), one]));
  return [...all.values()];
}

function row(pair, one) {
  const cells = pair.map(() => h("td", {}));
  const element = h("tr", {}, rowHead(endpoint(one)), cells);
  const show = (index, { body, note, bad }) => {
    fill(cells[index], body !== undefined && verbatim(pretty(body.trim())),
      note && h("div", { class: bad ? "bad" : "quiet" }, note));
    const [first, second] = cells.map((cell) => cell.querySelector("code")?.textContent);
    element.classList.toggle("differs", first !== undefined && second !== undefined && first !== second);
  };
  pair.forEach((version, index) => {
    const own = version.endpoints.find(({ method, path }) => method === one.method && path === one.path);
    const answer = own && kept(version, own);
    if (answer) show(index, { body: answer.body });
    else show(index, { note: own ? "not kept" : "no such endpoint" });
  });
  return { one, element, show };
}

async function ask(service, version, one) {
  const { path, body } = sample(one);
  const request = { method: one.method, path, ...payload(one.method, body) };
  try {
    const tried = await api(inService(service, "versions", version.version, "try"), { body: request });
    const bad = tried.status >= 400;
    const note = `${bad ? `status ${tried.status}, ` : ""}${milliseconds(tried.took_ms)}`;
    return { body: tried.body ?? "(not text)", note, bad };
  } catch (error) {
    return { note: error.message, bad: true };
  }
}
