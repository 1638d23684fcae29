// Python code with a little colour: comments, strings, numbers, keywords. It colours words and understands nothing.

import { h } from "./dom.js";

const KEYWORDS = "False None True and as assert async await break class continue def del elif else except finally " +
  "for from global if import in is lambda match nonlocal not or pass raise return try while with yield";
const LONG_STRING = String.raw`"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)`;
const SHORT_STRING = String.raw`"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?`;
const TOKEN = new RegExp([
  "(?<comment>#.*)",
  `(?<string>[rbfuRBFU]{0,2}(?:${LONG_STRING}|${SHORT_STRING}))`,
  `\\b(?<keyword>${KEYWORDS.replaceAll(" ", "|")})\\b`,
  String.raw`\b(?<number>0[xob][\da-fA-F_]+|\d[\d_]*\.?\d*(?:[eE][+-]?\d+)?j?)\b`,
  String.raw`(?<word>\w+)`,
].join("|"), "g");

// `source` as text and coloured spans.
export function highlighted(source) {
  const parts = [];
  let end = 0;
  for (const match of source.matchAll(TOKEN)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    if (kind === "word") continue;
    parts.push(source.slice(end, match.index), h("span", { class: `py-${kind}` }, match[0]));
    end = match.index + match[0].length;
  }
  parts.push(source.slice(end));
  return parts;
}
