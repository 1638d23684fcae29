// Shows the service's OpenAPI document and sends requests to its endpoints. Whatever comes from the document or an answer
// is set as text, never as HTML.
"use strict";

// Asked for where the service wants one, and kept for as long as the page is open.
let key = "";

function withKey(headers = {}) {
  return key ? { ...headers, "x-api-key": key } : headers;
}

async function describe() {
  for (;;) {
    const response = await fetch("openapi.json", { headers: withKey() });
    if (response.status !== 401) {
      return response;
    }
    key = (window.prompt("This service asks for an API key:") ?? "").trim();
    if (!key) {
      return response;
    }
  }
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function field(form, text, name, value, multiline) {
  const id = `${form.id}-${name}`;
  const input = element(multiline ? "textarea" : "input", { id, name, value, spellcheck: false, autocomplete: "off" });
  form.append(element("label", { htmlFor: id, textContent: text }), input);
  return input;
}

function example(form, operation) {
  for (const [status, response] of Object.entries(operation.responses)) {
    const shown = Object.values(response.content ?? {}).find((content) => content.example !== undefined);
    if (shown) {
      form.append(element("p", { className: "hint", textContent: `Answer to the example: ${status}` }),
        element("pre", { textContent: pretty(shown.example) }));
    }
  }
}

function endpoint(base, path, method, operation) {
  const form = element("form", { id: operation.operationId });
  const inputs = (operation.parameters ?? []).map((parameter) => {
    const given = parameter.example ?? "";
    const value = Array.isArray(given) ? given.join(",") : String(given);
    return [parameter, field(form, `${parameter.name} (${parameter.in})`, parameter.name, value, false)];
  });
  const [media, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const body = media && field(form, media === "*/*" ? "body" : `body (${media})`, "body", pretty(content.example ?? ""), true);
  const answer = element("div");
  form.append(element("button", { textContent: "Send" }), answer);
  example(form, operation);

  function request() {
    let target = path;
    const query = new URLSearchParams();
    for (const [parameter, input] of inputs) {
      if (parameter.in === "path") {
        target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      } else if (input.value !== "") {
        input.value.split(",").forEach((value) => query.append(parameter.name, value));
      }
    }
    const url = base + target + (query.size ? `?${query}` : "");
    const options = { method: method.toUpperCase(), headers: withKey() };
    if (body && body.value !== "") {
      options.body = body.value;
      options.headers = withKey({ "content-type": media === "*/*" ? "application/json" : media });
    }
    return [url, options];
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [url, options] = request();
    const start = performance.now();
    try {
      const response = await fetch(url, options);
      const text = await response.text();
      const took = (performance.now() - start).toFixed(0);
      const line = `${response.status} after ${took} ms, by ${response.headers.get("titan-version") ?? "no version"}`;
      answer.replaceChildren(element("p", { className: response.ok ? "" : "bad", role: "status", textContent: line }),
        element("pre", { textContent: text }));
    } catch (error) {
      answer.replaceChildren(element("p", { className: "bad", role: "status", textContent: `No answer: ${error.message}` }));
    }
  });
  const title = element("summary", {}, element("span", { className: "method", textContent: method.toUpperCase() }), ` ${path}`);
  return element("details", {}, title, form);
}

async function main() {
  const main = document.querySelector("main");
  try {
    const response = await describe();
    if (!response.ok) {
      throw new Error(`status ${response.status}`);
    }
    const api = await response.json();
    document.title = `${api.info.title} ${api.info.version}`;
    document.querySelector("h1").textContent = api.info.title;
    document.querySelector("#version").textContent = api.info.version;
    const endpoints = Object.entries(api.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => endpoint(api.servers[0].url, path, method, operation)));
    endpoints[0].open = true;
    main.replaceChildren(...endpoints);
  } catch (error) {
    main.replaceChildren(element("p", { className: "bad", textContent: `openapi.json cannot be read: ${error.message}` }));
  }
}

main();
