// What changed between two notebooks: changed cells line by line, the others folded away.

import { h } from "../dom.js";

const SIGNS = { added: "+", removed: "−", same: " " };
const WORDS = { added: "added", removed: "removed", changed: "changed" };

export function changes(cells) {
  const differ = cells.filter((cell) => cell.change !== "same").length;
  const summary = differ === 0
    ? "The notebooks are the same."
    : `${differ} of ${cells.length} cells ${differ === 1 ? "differs" : "differ"}.`;
  return [h("p", { class: "quiet" }, summary), h("div", { class: "notebook" }, runs(cells).map(run))];
}

// Neighbours that did not change belong together.
function runs(cells) {
  const runs = [];
  for (const cell of cells) {
    const last = runs.at(-1);
    if (cell.change === "same" && last?.same) last.cells.push(cell);
    else runs.push({ same: cell.change === "same", cells: [cell] });
  }
  return runs;
}

function run({ same, cells }) {
  if (!same) return change(cells[0]);
  const text = cells.length === 1 ? "1 cell is the same" : `${cells.length} cells are the same`;
  return h("details", { class: "cell folded" }, h("summary", {}, text), cells.map((cell) => lines(cell)));
}

const change = (cell) =>
  h("div", { class: "cell diff" },
    h("p", { class: "quiet" }, `${cell.kind === "code" ? "Code" : "Text"} ${WORDS[cell.change]}`),
    lines(cell));

const lines = (cell) =>
  h("pre", { tabindex: "0", role: "group", "aria-label": "Lines" },
    h("code", {}, cell.lines.map((line) => h("span", { class: `line ${line.change}` },
      h("span", { class: "sign", "aria-label": WORDS[line.change] }, SIGNS[line.change]), line.text, "\n"))));
