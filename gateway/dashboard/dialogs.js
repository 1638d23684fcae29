// Questions to whoever sits there. The browser's own <dialog> keeps the focus inside and gives it back.

import { h, unique } from "./dom.js";

// Asks to confirm `action`. Resolves to whether it was.
export function confirm({ title, text, action }) {
  return ask(title, [h("p", {}, text)], action, () => true, false);
}

// Asks for a token. Resolves to it, or to null.
export function askForToken(refusal) {
  const id = unique("token");
  const input = h("input", { id, type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const fields = [
    h("p", {}, "This gateway asks for a token. ", h("code", {}, "titan token create"), " makes one."),
    refusal && h("p", { class: "bad", role: "alert" }, refusal),
    h("label", { for: id }, "Token"),
    input,
  ];
  return ask("Sign in", fields, "Sign in", () => input.value.trim() || null, null);
}

function ask(title, content, action, value, otherwise) {
  return new Promise((resolve) => {
    const id = unique("dialog");
    const close = () => dialog.close();
    const form = h("form", { method: "dialog" },
      h("h2", { id }, title),
      content,
      h("div", { class: "actions" },
        h("button", { type: "button", class: "plain", onclick: close }, "Cancel"),
        h("button", { type: "submit", class: "primary", value: "yes" }, action)));
    const dialog = h("dialog", { "aria-labelledby": id }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? value() : otherwise);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
