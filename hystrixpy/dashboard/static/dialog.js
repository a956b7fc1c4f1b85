// The one dialog, and the frame of what it shows: the browser keeps the focus inside and Escape closes it.

import { byId, el, setData, setText } from "./dom.js";

/** Shows one sheet at a time. A sheet has an item, an element, start(dialog), update() and close(). */
export class Dialog {
  constructor() {
    this.element = byId("detail");
    // The event comes a little after the closing: by then somebody may have opened the next one.
    this.element.addEventListener("close", () => { if (!this.element.open) this.clear(); });
    this.element.addEventListener("click", (event) => { if (event.target === this.element) this.element.close(); });
  }

  /** items: where the sheet's item is looked up at each update, by its key. */
  show(sheet, items) {
    this.clear();
    Object.assign(this, { sheet, items });
    delete this.element.dataset.state;
    this.element.replaceChildren(sheet.element);
    this.element.showModal();
    sheet.start(this.element);
    this.update();
  }

  update() {
    const { element, sheet, items } = this;
    if (!element.open || !sheet) return;
    // What went and came back (a restart, a reset) is another item of the same name.
    sheet.item = items.get(sheet.item.key) ?? sheet.item;
    setData(element, "gone", !items.has(sheet.item.key));
    sheet.update();
  }

  clear() {
    this.sheet?.close();
    this.sheet = null;
    this.element.replaceChildren();
  }
}

/** Name, a line below it, the state (if there is one), the button, and panels. */
export function sheetOf(key, sub, state, ...panels) {
  const name = el("h2", "", key);
  name.id = "detail-name";
  const close = el("button", "quiet close", "Close");
  close.type = "button";
  close.addEventListener("click", () => byId("detail").close());
  const head = el("header", "", el("div", "", name, sub), state, close);
  return el("div", "sheet", head, el("div", "panels", ...panels));
}

export function panel(title, content, className = "") {
  return el("section", `panel ${className}`, el("h3", "", title), content);
}

/** Names and numbers in two columns; returns the list and a function that fills it. */
export function factList(facts) {
  const lines = facts.map(([label, read]) => ({ label, read, value: el("dd", "") }));
  const fill = (data) => { for (const { read, value } of lines) setText(value, read(data)); };
  return { fill, list: el("dl", "facts", ...lines.map(({ label, value }) => el("div", "", el("dt", "", label), value))) };
}
