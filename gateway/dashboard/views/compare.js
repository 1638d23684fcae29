// Two versions side by side: what they were deployed with, their models, their answers to one sample, their notebooks.

import { api, inService } from "../api.js";
import { h, rowHead, unique } from "../dom.js";
import { bytes, date, milliseconds } from "../format.js";
import { changes } from "./changes.js";
import {
  matrices, parameters, port, section, shape, size, state, table, tensors, toCompare, toService, trail,
} from "./parts.js";
import { rollbackButton } from "./rollback.js";
import { outputs } from "./outputs.js";

export async function compare(service, from, to, context) {
  const { signal } = context;
  const [about, { versions }, { cells }] = await Promise.all([
    api(inService(service), { signal }),
    api(inService(service, "versions"), { signal }),
    api(`${inService(service, "versions", to, "cells")}?from=${encodeURIComponent(from)}`, { signal }),
  ]);
  const pair = [from, to].map((name) => versions.find((version) => version.version === name));
  const back = pair.find((version) => version.version !== about.active);
  return [
    trail(["Services", "#/"], [service, toService(service)], [`${from} and ${to}`]),
    h("div", { class: "title" },
      h("h1", {}, `${service}: ${from} and ${to}`),
      h("span", { class: "spring" }),
      picker(service, versions, from, to),
      back && rollbackButton(service, about.active, back.version, context, "primary")),
    section("Versions", sideBySide("Versions", pair, [
      ["Deployed", (version) => date(version.deployed_at), "always"],
      ["By", (version) => version.deployed_by ?? "not known"],
      ["Size", size],
      ["Image", (version) => version.config.image],
      ["CPU", (version) => String(version.config.cpu)],
      ["Memory", (version) => bytes(version.config.memory)],
      ["Timeout", (version) => milliseconds(version.config.timeout_ms)],
      ["State between requests", (version) => version.config.state],
    ])),
    models(pair),
    outputs(service, pair),
    section("Notebook", changes(cells)),
  ];
}

// Chooses which two versions are compared.
function picker(service, versions, from, to) {
  const go = () => { location.hash = toCompare(service, selects[0].value, selects[1].value); };
  const selects = [from, to].map((chosen, index) => h("select", { id: unique("pick"), onchange: go },
    versions.map(({ version }) => h("option", { value: version, selected: version === chosen }, version))));
  const labels = ["From", "To"].map((text, index) => h("label", { for: selects[index].id }, text));
  return h("div", { class: "picker" }, labels[0], selects[0], labels[1], selects[1]);
}

// A row that differs is marked, but for what always does.
function sideBySide(label, pair, rows) {
  const heads = pair.map((version) => h("th", { scope: "col" }, version.version, " ", state(version.state)));
  return table(label, [h("td"), ...heads],
    rows.map(([name, value, always]) => {
      const cells = pair.map((version) => h("td", {}, value(version)));
      const differs = !always && cells[0].textContent !== cells[1].textContent;
      return h("tr", { class: differs && "differs" }, rowHead(name), cells);
    }));
}

function models(pair) {
  const names = [...new Set(pair.flatMap((version) => version.models.map((model) => model.name)))];
  if (names.length === 0) return null;
  const of = (version, name) => version.models.find((model) => model.name === name);
  const row = (name, title, value) => [names.length > 1 ? `${name}: ${title}` : title, (version) => {
    const model = of(version, name);
    return model ? value(model) : "–";
  }];
  return section("Models", sideBySide("Models", pair, names.flatMap((name) => [
    row(name, "Inputs", (model) => tensors(model.shapes?.inputs, port)),
    row(name, "Outputs", (model) => tensors(model.shapes?.outputs, port)),
    row(name, "Weights", (model) => tensors(matrices(model), shape)),
    row(name, "Parameters", parameters),
    row(name, "Size", (model) => bytes(model.part.bytes)),
  ])));
}
