// One service: its versions, their metrics and traffic, and a request to try.

import { api, inService } from "../api.js";
import { h, rowHead } from "../dom.js";
import { health } from "./services.js";
import { metrics } from "./metrics.js";
import { rollbackButton } from "./rollback.js";
import { traffic } from "./traffic.js";
import { trial } from "./trial.js";
import { tryOut } from "./try.js";
import {
  compareLink, digest, head, section, size, state, table, toCompare, toVersion, trail, when,
} from "./parts.js";

const ON_TRIAL = ["canary", "shadow"];

export async function service(name, context) {
  const { signal } = context;
  const [about, { versions }] = await Promise.all([
    api(inService(name), { signal }),
    api(inService(name, "versions"), { signal }),
  ]);
  const { active, previous } = about;
  return [
    trail(["Services", "#/"], [name]),
    h("div", { class: "title" },
      h("h1", {}, name),
      h("p", {}, h("b", {}, active), " ", health(about.health)),
      h("span", { class: "spring" }),
      previous && compareLink(name, previous, active),
      previous && rollbackButton(name, active, previous, context, "primary")),
    trial(name, about, versions, context),
    section("Versions", table("Versions", [
      head("Version"), head("Deployed"), head("Size", "number wide"), head("Notebook", "wide"),
      head("Actions", "buttons"),
    ], [...versions].reverse().map((version) => row(name, version, active, context)))),
    h("div", { class: "columns" }, metrics(versions), traffic(name, context)),
    tryOut(name, versions, active),
  ];
}

const row = (name, version, active, context) =>
  h("tr", { class: version.state },
    rowHead(h("a", { href: toVersion(name, version.version) }, version.version), " ", state(version.state)),
    h("td", {}, when(version.deployed_at), version.deployed_by && h("div", { class: "quiet" }, version.deployed_by)),
    h("td", { class: "number wide" }, size(version)),
    h("td", { class: "wide" }, digest(version.notebook_sha256)),
    h("td", { class: "buttons" }, version.version !== active && [
      !ON_TRIAL.includes(version.state) && rollbackButton(name, active, version.version, context, "short"),
      h("a", {
        class: "button",
        href: toCompare(name, version.version, active),
        "aria-label": `Compare ${version.version} and ${active}`,
      }, "Compare"),
    ]));
