// What a version has been doing lately: rate, latencies and errors, as the cells of a table's row.

import { api, inService } from "../api.js";
import { h, fill, rowHead } from "../dom.js";
import { bytes, milliseconds, percent, rate } from "../format.js";
import { poll } from "../live.js";
import { Sparkline } from "../sparkline.js";
import { empty } from "../states.js";
import { head, section, table } from "./parts.js";

export class Traffic {
  #spark = new Sparkline();
  #rate = h("span", {}, "–");
  #numbers = ["p50", "p95", "p99"].map((name) => h("td", { class: name === "p95" ? "number" : "number wide" }, "–"));
  #errors = h("td", { class: "number" }, "–");
  cells = [h("td", { class: "number" }, this.#spark.element, this.#rate), ...this.#numbers, this.#errors];

  static heads() {
    return [head("Requests/s", "number"), head("p50", "number wide"), head("p95", "number"), head("p99", "number wide"),
      head("Errors", "number")];
  }

  // `stats` is what the API says of the version; nothing, where it is not in memory.
  show(stats) {
    this.#spark.push(stats?.request_rate ?? 0);
    fill(this.#rate, stats ? rate(stats.request_rate) : "–");
    const latencies = ["p50_ms", "p95_ms", "p99_ms"].map((name) => stats?.latency?.[name]);
    latencies.forEach((value, index) => fill(this.#numbers[index], value === undefined ? "–" : milliseconds(value)));
    fill(this.#errors, stats?.requests ? percent(stats.error_ratio) : "–");
    this.#errors.classList.toggle("bad", Boolean(stats?.errors));
  }
}

// The traffic of every version of a service that is in memory.
export function traffic(service, { signal }) {
  const rows = new Map();
  const body = h("tbody");
  const heads = [head("Version"), ...Traffic.heads(), head("Memory", "number wide")];
  const shown = table("Traffic by version", heads, []);
  shown.querySelector("tbody").replaceWith(body);
  const place = h("div", { class: "live" }, h("p", { class: "quiet" }, "Loading…"));
  poll(async () => {
    const { versions } = await api(inService(service, "stats"), { signal });
    for (const version of versions) {
      if (!rows.has(version.version)) rows.set(version.version, row(version.version));
      rows.get(version.version).show(version);
    }
    const names = versions.map((version) => version.version).reverse();
    fill(body, names.map((name) => rows.get(name).element));
    fill(place, names.length ? shown : empty("Nothing is loaded"));
  }, signal);
  return section("Traffic", h("p", { class: "quiet" }, "The last minute, of the versions in memory."), place);
}

function row(version) {
  const traffic = new Traffic();
  const memory = h("td", { class: "number wide" });
  const element = h("tr", {}, rowHead(version), traffic.cells, memory);
  const show = (stats) => {
    traffic.show(stats);
    fill(memory, bytes(stats.memory));
    memory.title = `of ${bytes(stats.memory_limit)}, in ${stats.instances} instances; ${stats.queue} requests wait`;
  };
  return { element, show };
}
