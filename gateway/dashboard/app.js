// The page: which view an address shows. Addresses are `#/`, `#/{service}`, `#/{service}/{version}` and
// `#/{service}/{from}...{to}`, so that each can be kept and sent.

import { api, onSignedIn, signOut } from "./api.js";
import { h, fill } from "./dom.js";
import { failure, loading } from "./states.js";
import { services } from "./views/services.js";
import { service } from "./views/service.js";
import { version } from "./views/version.js";
import { compare } from "./views/compare.js";

const main = document.getElementById("main");
let leaving = new AbortController();

function view(address) {
  const [name, rest] = address.replace(/^#?\/?/, "").split("/", 2).map(decodeURIComponent);
  if (!name) return { title: "Services", show: services };
  if (!rest) return { title: name, show: (context) => service(name, context) };
  const [from, to] = rest.split("...");
  if (to) return { title: `${name} ${from} and ${to}`, show: (context) => compare(name, from, to, context) };
  return { title: `${name} ${rest}`, show: (context) => version(name, rest, context) };
}

// Shows the view of the present address. A view gets a signal that ends with it, and a way to be shown anew.
async function show({ focus = true } = {}) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const { title, show: render } = view(location.hash);
  document.title = title === "Services" ? "Titan" : `${title} · Titan`;
  const waiting = setTimeout(() => fill(main, loading()), 150);
  try {
    const content = await render({ signal, again: () => show({ focus: false }) });
    if (signal.aborted) return;
    fill(main, content);
    if (focus) main.focus({ preventScroll: true });
  } catch (error) {
    if (!signal.aborted) fill(main, failure(error, () => show()));
  } finally {
    clearTimeout(waiting);
  }
}

async function about() {
  const { version } = await api("/v1/gateway");
  fill(document.getElementById("gateway"), h("span", {}, version));
}

window.addEventListener("hashchange", () => {
  // The link that skips to the content names a place, not a view.
  if (location.hash === "#main") return main.focus();
  window.scrollTo(0, 0);
  show();
});
document.getElementById("sign-out").addEventListener("click", () => {
  signOut();
  show();
});
onSignedIn((signedIn) => {
  document.getElementById("sign-out").hidden = !signedIn;
});
show({ focus: false });
about().catch(() => {});
