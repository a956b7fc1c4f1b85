// Light, dark, or whatever the system says.

import { byId, setText } from "./dom.js";
import { repaint } from "./sparkline.js";

const CHOICES = ["auto", "light", "dark"];

export function initTheme(changed) {
  let choice = CHOICES.includes(localStorage.getItem("hystrixpy-theme")) ? localStorage.getItem("hystrixpy-theme") : "auto";
  const apply = () => {
    document.documentElement.dataset.theme = choice;
    setText(byId("theme"), `Theme: ${choice}`);
    repaint();
    changed();
  };
  byId("theme").addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    localStorage.setItem("hystrixpy-theme", choice);
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  apply();
}
