// One version: what it is, what it answers, its models, and the notebook it came from.

import { api, download, inService } from "../api.js";
import { h, rowHead } from "../dom.js";
import { bytes, date, milliseconds } from "../format.js";
import { notebook } from "./notebook.js";
import { rollbackButton } from "./rollback.js";
import {
  compareLink, endpoint, facts, head, kept, matrices, parameters, port, section, shape, size, state, table, tensors,
  toService, trail, verbatim, when,
} from "./parts.js";
import { pretty } from "./try.js";

export async function version(service, name, context) {
  const { signal } = context;
  const [about, version, { cells }] = await Promise.all([
    api(inService(service), { signal }),
    api(inService(service, "versions", name), { signal }),
    api(inService(service, "versions", name, "cells"), { signal }),
  ]);
  const { active } = about;
  return [
    trail(["Services", "#/"], [service, toService(service)], [name]),
    h("div", { class: "title" },
      h("h1", {}, `${service} ${name}`),
      h("p", {}, state(version.state)),
      h("span", { class: "spring" }),
      name !== active && compareLink(service, name, active),
      name !== active && rollbackButton(service, active, name, context, "primary")),
    aboutVersion(version),
    section("Endpoints", table("Endpoints",
      [head("Endpoint"), head("Compared with the notebook"), head("Answer at deploy")],
      version.endpoints.map((one) => endpointRow(version, one)))),
    version.models.length > 0 && section("Models", table("Models",
      [head("Model"), head("Inputs"), head("Outputs"), head("Weights"), head("Parameters", "number"),
        head("Size", "number wide")],
      version.models.map(modelRow))),
    section("Notebook",
      h("p", { class: "quiet" },
        "As it was deployed, SHA-256 ", h("code", { class: "digest" }, version.notebook_sha256), " ",
        h("button", { class: "plain", onclick: () => save(service, name) }, "Download")),
      notebook(cells)),
  ];
}

const aboutVersion = ({ deployed_at, deployed_by, config, engine, ...version }) => {
  const entries = [
    ["Deployed", [when(deployed_at), h("span", { class: "quiet" }, ` ${date(deployed_at)}`)]],
    ["By", deployed_by ?? "not known"],
    ["Size", size(version)],
    ["Image", config.image],
    ["CPU", `${config.cpu} ${config.cpu === 1 ? "core" : "cores"}`],
    ["Memory", bytes(config.memory)],
    ["Timeout", milliseconds(config.timeout_ms)],
    ["State", config.state],
    ["Engine", h("code", { title: `SHA-256 ${engine}` }, engine.slice(0, 10))],
  ];
  return facts(entries);
};

function endpointRow(version, one) {
  const parity = version.parity?.find((parity) => parity.endpoint === one.name);
  const answer = kept(version, one);
  return h("tr", {},
    rowHead(endpoint(one)),
    h("td", {}, outcome(parity)),
    h("td", {}, answer ? verbatim(pretty(answer.body.trim())) : h("span", { class: "quiet" }, "not kept")));
}

function outcome(parity) {
  switch (parity?.outcome) {
    case "checked": return h("span", { class: "health good" }, "the same");
    case "differs": return h("span", { class: "health bad" }, "differs");
    case "not-checkable": return h("span", { class: "quiet" }, `not compared: ${parity.reason}`);
    default: return h("span", { class: "quiet" }, "not compared");
  }
}

const modelRow = (model) =>
  h("tr", {},
    rowHead(model.name),
    h("td", {}, tensors(model.shapes?.inputs, port)),
    h("td", {}, tensors(model.shapes?.outputs, port)),
    h("td", {}, tensors(matrices(model), shape)),
    h("td", { class: "number" }, parameters(model)),
    h("td", { class: "number wide" }, bytes(model.part.bytes)));

async function save(service, name) {
  const url = URL.createObjectURL(await download(inService(service, "versions", name, "notebook")));
  h("a", { href: url, download: `${service}-${name}.ipynb` }).click();
  URL.revokeObjectURL(url);
}
