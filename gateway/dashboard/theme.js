// Sets the chosen theme before anything is painted; so this one script is no module, which would wait.
// Without a choice the browser's preference decides, in css/tokens.css.
(function () {
  "use strict";
  const KEY = "titan-theme";
  const root = document.documentElement;
  const choice = localStorage.getItem(KEY);
  if (choice) root.dataset.theme = choice;

  document.addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = choice ?? "auto";
    select.addEventListener("change", () => {
      if (select.value === "auto") {
        localStorage.removeItem(KEY);
        delete root.dataset.theme;
      } else {
        localStorage.setItem(KEY, select.value);
        root.dataset.theme = select.value;
      }
    });
  });
})();
