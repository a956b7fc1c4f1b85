// What a thread pool or a collapser is doing, and the properties in force with where each comes from.

import { factList, panel, sheetOf } from "./dialog.js";
import { el, setText } from "./dom.js";
import { Properties } from "./properties.js";

export class SmallSheet {
  /** kind: threadpools or collapsers; facts: [label, read(data)] */
  constructor(item, kind, word, facts) {
    Object.assign(this, { item, kind, word });
    this.sub = el("p", "sub");
    this.box = el("div", "properties");
    const { fill, list } = factList(facts);
    this.fill = fill;
    this.element = sheetOf(item.key, this.sub, undefined, panel("Numbers", list, "wide"), panel("Properties in force", this.box, "wide"));
  }

  start() {
    this.properties = new Properties(this.item.key, this.kind, null, this.box);
    this.properties.ask();
  }

  close() { this.properties.close(); }

  update() {
    const { data } = this.item;
    setText(this.sub, [this.word, data.hystrixpyInstances?.join(", ") ?? data.hystrixpyInstance].filter(Boolean).join(" · "));
    this.fill(data);
  }
}
