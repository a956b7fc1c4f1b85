// The part of a detail view that the config stream tells: explain() and the properties with their source.
// The stream is open only while the dialog is, and narrowed to one name.

import { el } from "./dom.js";
import { follow } from "./stream.js";

export class Properties {
  /** kind: commands, threadpools or collapsers; explain: where the breaker's words go, or null. */
  constructor(key, kind, explain, box) {
    Object.assign(this, { key, kind, explain, box, shown: "", stop: () => {} });
  }

  /** Open the stream (again): it answers at once, then every five seconds. */
  ask() {
    this.stop();
    this.stop = follow(`hystrix/config.stream?key=${encodeURIComponent(this.key)}`, {
      event: (event) => this.take(event[this.kind]?.[this.key]),
      sample: () => {},
      up: () => {},
      down: (reason) => { if (!this.shown) (this.explain ?? this.box).textContent = `No answer: ${reason}`; },
    });
  }

  close() { this.stop(); }

  take(config) {
    const text = JSON.stringify(config ?? null);
    if (!config || text === this.shown) return;
    this.shown = text;
    const instances = config.hystrixpyInstances ?? { "": config };
    this.explain?.replaceChildren(...Object.entries(instances).map(([name, { hystrixpyExplain }]) => spoken(name, hystrixpyExplain)));
    this.box.replaceChildren(el("div", "scroll", table(Object.entries(instances))));
  }
}

function spoken(instance, text) {
  return el("p", "", instance ? el("strong", "", `${instance}: `) : "", text ?? "nothing");
}

function table(instances) {
  const [, first] = instances[0];
  const head = el("tr", "", ...["property", "value", "level", "source"].map((title) => el("th", "", title)));
  const rows = Object.entries(first.hystrixpyProperties ?? {}).map(([name, origin]) => row(name, origin, instances));
  if (!rows.length) return el("p", "", "The stream does not tell."); // Hystrix itself
  return el("table", "origins", el("thead", "", head), el("tbody", "", ...rows));
}

function row(name, origin, instances) {
  const values = new Map(instances.map(([instance, config]) => [instance, shown(config.hystrixpyProperties?.[name]?.value)]));
  const differs = new Set(values.values()).size > 1;
  const value = differs ? [...values].map(([instance, text]) => `${instance}: ${text}`).join("\n") : shown(origin.value);
  const line = el("tr", differs ? "differs" : "", el("th", "", name), el("td", "value", value), el("td", "level", origin.level), el("td", "source", origin.source ?? ""));
  line.dataset.level = origin.level;
  return line;
}

function shown(value) {
  if (value === null) return "none";
  if (Array.isArray(value)) return value.join(", ") || "none";
  return String(value);
}
