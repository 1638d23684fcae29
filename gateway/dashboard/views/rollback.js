// The button that returns a service to an earlier version, once it was confirmed.

import { api, inService } from "../api.js";
import { confirm } from "../dialogs.js";
import { h } from "../dom.js";
import { notice } from "../states.js";

// In a row that names the version already, a short button does.
export function rollbackButton(service, active, target, { again }, kind = "") {
  const label = `Roll back to ${target}`;
  const run = async () => {
    const sure = await confirm({
      title: `Roll back ${service} to ${target}?`,
      text: `${target} answers every new request at once. Requests in flight finish on ${active}, none is lost.`,
      action: label,
    });
    if (!sure) return;
    try {
      const { from, to } = await api(inService(service, "rollback"), { body: { to: target } });
      notice(`${service} went from ${from} back to ${to}.`);
    } catch (error) {
      notice(error.message, "bad");
    }
    again();
  };
  const short = kind === "short";
  if (short) return h("button", { "aria-label": label, onclick: run }, "Roll back");
  return h("button", { class: kind, onclick: run }, label);
}
