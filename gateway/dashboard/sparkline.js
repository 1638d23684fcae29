// A line of the last few values, as inline SVG. It sits beside the number it belongs to, so it is for the eye alone.

import { svg } from "./dom.js";

const WIDTH = 96;
const HEIGHT = 20;
// Values it has room for: a minute of one every two seconds.
const POINTS = 30;

export class Sparkline {
  #values = [];
  #line = svg("path", { class: "line" });
  #area = svg("path", { class: "area" });
  element = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    this.#area, this.#line);

  push(value) {
    this.#values = [...this.#values, value].slice(-POINTS);
    const most = Math.max(...this.#values, Number.MIN_VALUE);
    const start = POINTS - this.#values.length;
    const x = (index) => ((start + index) / (POINTS - 1)) * WIDTH;
    const y = (value) => HEIGHT - 2 - (value / most) * (HEIGHT - 4);
    const points = this.#values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
    const line = `M${points.join("L")}`;
    this.#line.setAttribute("d", line);
    this.#area.setAttribute("d", `${line}L${WIDTH},${HEIGHT}L${x(0).toFixed(1)},${HEIGHT}Z`);
  }
}
