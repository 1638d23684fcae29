// Two versions side by side: what they were deployed with, their models, their answers to one sample, and their notebooks.

import { api, inService } from "../api.js";
import { h, fill, rowHead, unique } from "../dom.js";
import { bytes, date, milliseconds } from "../format.js";
import { changes } from "./changes.js";
import { head, parameters, section, shape, size, state, table, toCompare, toService, trail } from "./parts.js";
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
      ["Deployed", ({ deployed_at, deployed_by }) => [date(deployed_at), deployed_by && ` by ${deployed_by}`], "always"],
      ["Size", size],
      ["Image", (version) => version.config.image],
      ["CPU, memory, timeout", ({ config }) => `${config.cpu}, ${bytes(config.memory)}, ${milliseconds(config.timeout_ms)}`],
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
  return table(label, [h("td"), ...pair.map((version) => h("th", { scope: "col" }, version.version, " ", state(version.state)))],
    rows.map(([name, value, always]) => {
      const cells = pair.map((version) => h("td", {}, value(version)));
      const differs = !always && cells[0].textContent !== cells[1].textContent;
      return h("tr", { class: differs && "differs" }, rowHead(name), cells);
    }));
}

function models(pair) {
  const names = [...new Set(pair.flatMap((version) => version.models.map((model) => model.name)))];
  if (names.length === 0) return null;
  const lines = (tensors, text) => (tensors ?? []).map((tensor) => h("div", {}, h("code", {}, text(tensor))));
  const of = (version, name) => version.models.find((model) => model.name === name);
  const row = (name, title, value) => [names.length > 1 ? `${name}: ${title}` : title, (version) => {
    const model = of(version, name);
    return model ? value(model) : "–";
  }];
  return section("Models", sideBySide("Models", pair, names.flatMap((name) => [
    row(name, "Inputs", (model) => lines(model.shapes?.inputs, (tensor) => `${tensor.element} ${shape(tensor)}`)),
    row(name, "Outputs", (model) => lines(model.shapes?.outputs, (tensor) => `${tensor.element} ${shape(tensor)}`)),
    row(name, "Weights", (model) => lines(model.shapes?.weights?.filter((weight) => weight.shape.length > 1), shape)),
    row(name, "Parameters", parameters),
    row(name, "Size", (model) => bytes(model.part.bytes)),
  ])));
}
