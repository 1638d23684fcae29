// A notebook, as Jupyter would show it: Markdown rendered, code coloured, outputs as they were saved.

import { h } from "../dom.js";
import { cleaned } from "../html.js";
import { highlighted } from "../python.js";

const ENDPOINT = /^\s*#\s*(?:GET|POST|PUT|DELETE|PATCH)\s+\//;

export const notebook = (cells) => h("div", { class: "notebook" }, cells.map(cell));

function cell({ kind, source, html, outputs = [] }) {
  if (kind === "markdown") return cleaned(html, { class: "cell markdown" });
  const code = h("pre", { tabindex: "0", role: "group", "aria-label": "Code" },
    h("code", {}, kind === "code" ? highlighted(source) : source));
  return h("div", { class: ENDPOINT.test(source) ? "cell code served" : "cell code" }, code, outputs.map(output));
}

function output(output) {
  if (output.image) return h("img", { class: "output", src: output.image, alt: "Output of the cell" });
  const scrolls = { tabindex: "0", role: "group", "aria-label": "Output" };
  if (output.html) return cleaned(output.html, { class: "output scroll", ...scrolls });
  return h("pre", { class: "output", ...scrolls }, output.text);
}
