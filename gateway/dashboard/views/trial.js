// A version on trial beside the active one: what was found so far, and the buttons that end the trial.

import { api, inService } from "../api.js";
import { confirm } from "../dialogs.js";
import { h, fill, rowHead } from "../dom.js";
import { count, milliseconds, percent } from "../format.js";
import { poll } from "../live.js";
import { notice } from "../states.js";
import { facts, head, section, table, verbatim } from "./parts.js";

const WAYS = {
  canary: (trial) => `answers ${percent(trial.share)} of the requests`,
  shadow: () => "answers copies of the requests, which no client sees",
};

export function trial(service, { active, candidate }, versions, context) {
  const last = versions.findLast((version) => version.trial);
  if (!last) return null;
  const { kind, ended } = last.trial;
  if (ended) {
    const how = `${ended.outcome} by the ${ended.by}: ${ended.reason}`;
    return h("p", { class: "quiet" }, `The last trial, ${last.version} as a ${kind}, was ${how}`);
  }
  const place = h("div", { class: "live" }, findings(last.trial, active, candidate));
  poll(async () => {
    const { trial } = await api(inService(service, "versions", candidate), { signal: context.signal });
    if (trial?.ended) context.again();
    else fill(place, findings(trial, active, candidate));
  }, context.signal);
  return section("On trial",
    h("div", { class: "above" },
      h("p", {}, h("b", {}, candidate), ` is a ${kind}: it ${WAYS[kind](last.trial)}.`),
      h("div", { class: "buttons" },
        end(service, context, "promote", {
          title: `Promote ${candidate}?`,
          text: `${candidate} answers every new request of ${service} at once; ${active} can be rolled back to.`,
          action: `Promote ${candidate}`,
        }, "primary"),
        end(service, context, "abort", {
          title: `Abort the trial of ${candidate}?`,
          text: `${active} answers every new request of ${service}; ${candidate} is kept.`,
          action: "Abort the trial",
        }))),
    place);
}

function end(service, { again }, call, question, kind = "") {
  const run = async () => {
    if (!(await confirm(question))) return;
    try {
      await api(inService(service, call), { body: {} });
      notice(call === "promote" ? "The trial ended: promoted." : "The trial ended: aborted.");
    } catch (error) {
      notice(error.message, "bad");
    }
    again();
  };
  return h("button", { class: kind, onclick: run }, question.action);
}

function findings({ evidence, compared }, active, candidate) {
  if (evidence) return canary(evidence, active, candidate);
  if (compared) return shadow(compared, active, candidate);
  return h("p", { class: "quiet" }, "No requests yet.");
}

function canary({ active: old, canary, errors_p, latency_p, abort_at_p, window, seconds }, active, candidate) {
  const row = (name, side) => h("tr", {},
    rowHead(name),
    h("td", { class: "number" }, count(side.requests)),
    h("td", { class: side.errors ? "number bad" : "number" }, count(side.errors)),
    h("td", { class: "number" }, side.p95_ms == null ? "–" : milliseconds(side.p95_ms)));
  return [
    table("Trial", [head("Version"), head("Requests", "number"), head("Errors", "number"), head("p95", "number")],
      [row(active, old), row(candidate, canary)]),
    h("p", { class: "quiet" }, `Window ${window}, ${Math.round(seconds)} s. Evidence against the canary: ` +
      `errors p = ${probability(errors_p)}, latency p = ${probability(latency_p)}; ` +
      `it is aborted at ${probability(abort_at_p)}.`),
  ];
}

function shadow({ same, different, errored, shed, samples }, active, candidate) {
  const numbers = [["The same", same], ["Different", different], ["Failed", errored], ["Not copied", shed]];
  const answer = ({ status, body }) => h("td", {}, verbatim(`${status} ${body.trim()}`));
  return [
    facts(numbers.map(([name, value]) => [name, count(value)])),
    samples.length > 0 && table("Differences", [head("Request"), head(active), head(candidate)],
      samples.map((sample) => h("tr", {},
        rowHead(`${sample.method} ${sample.path}`, sample.body && verbatim(sample.body)),
        answer(sample.active), answer(sample.shadow)))),
  ];
}

const probability = (p) => (p >= 0.001 ? p.toFixed(3) : p.toExponential(1));
