// The first view: every service, which version answers, and how it fares.

import { api, inService } from "../api.js";
import { h, fill, rowHead } from "../dom.js";
import { empty } from "../states.js";
import { poll } from "../live.js";
import { Traffic } from "./traffic.js";
import { head, table, toService, toVersion, when } from "./parts.js";

export async function services({ signal }) {
  const { services } = await api("/v1/services", { signal });
  if (services.length === 0) {
    const hint = ["Deploy a notebook: ", h("code", {}, "titan deploy house-price.ipynb")];
    return [h("h1", {}, "Services"), empty("No services yet", hint)];
  }
  const rows = services.map((service) => ({ service, traffic: new Traffic(), deployed: h("td", { class: "wide" }) }));
  // One service after the other, so that many services make no burst.
  poll(async () => {
    for (const { service, traffic, deployed } of rows) {
      if (!deployed.hasChildNodes()) fill(deployed, await byWhom(service, signal));
      const stats = await api(inService(service.name, "stats"), { signal });
      traffic.show(stats.versions.find((version) => version.version === service.active));
    }
  }, signal);
  return [
    h("h1", {}, "Services"),
    table("Services", [
      head("Service"), head("Active"), head("Health"), head("Deployed", "wide"), ...Traffic.heads(),
      head("Versions", "number wide"),
    ], rows.map(row)),
  ];
}

// When the active version was deployed, and by whom.
async function byWhom(service, signal) {
  if (!service.active) return "–";
  const { deployed_at, deployed_by } = await api(inService(service.name, "versions", service.active), { signal });
  return [when(deployed_at), deployed_by && h("span", { class: "quiet" }, ` by ${deployed_by}`)];
}

const row = ({ service, traffic, deployed }) =>
  h("tr", {},
    rowHead(h("a", { href: toService(service.name) }, service.name)),
    h("td", {}, service.active && h("a", { href: toVersion(service.name, service.active) }, service.active)),
    h("td", {}, health(service.health)),
    deployed,
    traffic.cells,
    h("td", { class: "number wide" }, String(service.versions)));

export function health(health) {
  switch (health) {
    case "serving": return h("span", { class: "health good" }, "serving");
    case "loading": return h("span", { class: "health quiet" }, "loading");
    default: return h("span", { class: "health bad", title: "The gateway's log says why" }, "not loaded");
  }
}
