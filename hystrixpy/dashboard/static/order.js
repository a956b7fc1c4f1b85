// How circuits are sorted and which are shown; kept in the address, so that a view can be bookmarked.

import { byId, setText } from "./dom.js";
import { inTrouble, isCalm } from "./model.js";

const KEYS = {
  "error-volume": ({ view }) => view.errorPercentage * 1e8 + view.rate + (isCalm(view.state) ? 0 : 1e11),
  volume: ({ view }) => view.rate,
  error: ({ view }) => view.errorPercentage,
  mean: ({ view }) => view.latency.mean,
};
const percentile = (p) => ({ view }) => view.latency[p] ?? 0;

export class Order {
  constructor(changed) {
    this.changed = changed;
    const saved = new URLSearchParams(location.hash.slice(1));
    for (const id of ["filter", "show", "sort"]) this.bind(byId(id), saved.get(id));
    this.reversed = saved.get("direction") === "up";
    byId("direction").addEventListener("click", () => { this.reversed = !this.reversed; this.apply(); });
    byId("tools").addEventListener("submit", (event) => event.preventDefault());
    document.addEventListener("keydown", (event) => this.shortcut(event));
    this.show();
  }

  bind(input, saved) {
    if (saved !== null) input.value = saved;
    if (input.selectedIndex === -1) input.selectedIndex = 0; // an address somebody mistyped
    input.addEventListener("input", () => this.apply());
  }

  shortcut(event) {
    const typing = event.target.closest("input, select, dialog");
    if (event.key === "/" && !typing) { event.preventDefault(); byId("filter").focus(); }
    if (event.key === "Escape" && event.target === byId("filter")) { byId("filter").value = ""; this.apply(); }
  }

  apply() {
    this.show();
    const state = new URLSearchParams();
    for (const id of ["filter", "show", "sort"]) {
      const input = byId(id);
      if (input.value !== (input.options?.[0].value ?? "")) state.set(id, input.value);
    }
    if (this.reversed) state.set("direction", "up");
    history.replaceState(null, "", `#${state}`);
    this.changed();
  }

  show() {
    this.text = byId("filter").value.trim().toLowerCase();
    this.kind = byId("show").value;
    this.sort = byId("sort").value;
    const button = byId("direction");
    const up = this.reversed !== (this.sort === "name");
    button.setAttribute("aria-pressed", String(this.reversed));
    setText(button.firstChild, up ? "↑" : "↓");
    setText(button.lastElementChild, up ? " ascending" : " descending");
  }

  keep = (item) => {
    if (this.text && !`${item.key}\n${item.data.group}`.toLowerCase().includes(this.text)) return false;
    if (this.kind === "trouble") return inTrouble(item);
    return this.kind !== "busy" || item.view.rate > 0 || item.view.shortCircuited > 0;
  };

  compare = (a, b) => (this.reversed ? -1 : 1) * this.forward(a, b);

  forward(a, b) {
    if (this.sort === "name") return byName(a, b);
    const key = KEYS[this.sort] ?? percentile(this.sort);
    return key(b) - key(a) || byName(a, b);
  }
}

export const byName = (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
