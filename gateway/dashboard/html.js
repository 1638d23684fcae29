// The one place where text becomes HTML: what the gateway cleaned. The policy `titan` is the only one that the page's
// Content-Security-Policy lets make HTML at all.

import { h } from "./dom.js";

const policy = globalThis.trustedTypes?.createPolicy("titan", { createHTML: (html) => html });

// An element that holds HTML which the gateway cleaned.
export function cleaned(html, attributes) {
  const element = h("div", attributes);
  element.innerHTML = policy ? policy.createHTML(html) : html;
  return element;
}
