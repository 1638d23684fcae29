// Asking again and again, while the view is shown and the tab is looked at.

const EVERY = 2000;

// Calls `ask` now and every two seconds until `signal` ends. What fails is `ask`'s to show; the next turn tries again.
export function poll(ask, signal) {
  let timer;
  const turn = async () => {
    if (!document.hidden) await ask().catch(() => {});
    if (!signal.aborted) timer = setTimeout(turn, EVERY);
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  turn();
}
