// What stands where there is nothing to show: still loading, nothing there, or an error. And the notice of what was
// done.

import { h, fill } from "./dom.js";

export const loading = () => h("p", { class: "state quiet" }, "Loading…");

export const empty = (title, ...hint) =>
  h("div", { class: "state" }, h("h2", {}, title), h("p", { class: "quiet" }, ...hint));

export const failure = (error, again) =>
  h("div", { class: "state", role: "alert" },
    h("h1", {}, "That did not work"),
    h("p", {}, error.message),
    h("p", {}, h("button", { onclick: again }, "Try again"), " ", h("a", { href: "#/" }, "All services")));

let hiding;

// Says what was done, in words that a screen reader reads too.
export function notice(text, kind = "good") {
  const place = document.getElementById("notice");
  fill(place, h("p", { class: kind }, text));
  clearTimeout(hiding);
  hiding = setTimeout(() => fill(place), 6000);
}
