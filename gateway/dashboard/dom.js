// Making elements. Text is always text here: what is HTML goes through html.js.

const SVG = "http://www.w3.org/2000/svg";

// An element with attributes, listeners (`onclick`) and children; null and false children are left out.
export function h(tag, attributes = {}, ...children) {
  return make(document.createElement(tag), attributes, children);
}

// As `h`, of SVG.
export function svg(tag, attributes = {}, ...children) {
  return make(document.createElementNS(SVG, tag), attributes, children);
}

// Replaces what an element holds.
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

// A table cell that names its row.
export const rowHead = (...children) => h("th", { scope: "row" }, ...children);

let last = 0;

// An id that no other element has.
export const unique = (name) => `${name}-${++last}`;

function make(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
