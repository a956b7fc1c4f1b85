// A list of cards that follows the model: keyed, sorted, filtered, and moved as little as possible.

import { byId, setText } from "./dom.js";

const TURNS = 8;

export class Grid {
  /** make(item) -> card; order: {compare, keep(item)} */
  constructor(name, items, make, order) {
    this.list = byId(name);
    this.counter = byId(`${name}-count`);
    this.section = byId(`${name}-section`);
    this.items = items;
    this.make = make;
    this.order = order;
    this.cards = new Map();
    this.turn = 0;
    this.watcher = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "200px" });
  }

  seen(entries) {
    for (const entry of entries) {
      const card = this.cards.get(entry.target.dataset.key);
      if (!card) continue;
      card.visible = entry.isIntersecting;
      if (card.visible) { card.update(); card.draw(Date.now()); }
    }
  }

  /** Bring the cards up to date; add and remove as the model says. True when there are new ones.
   *
   * What can be seen follows every sample. Of the rest one in eight has its turn, so that a thousand circuits
   * cost hardly more than a screenful, and a screen reader that wanders off the screen reads nothing old.
   */
  update(now) {
    let added = false;
    let place = this.turn = (this.turn + 1) % TURNS;
    const due = [];
    for (const [key, item] of this.items) {
      const card = this.cards.get(key);
      if (!card) { this.add(key, item); added = true; continue; }
      card.item = item;
      if (card.visible || place++ % TURNS === 0) due.push(card);
    }
    // All texts first: drawing asks for sizes, and each answer in between would cost a layout of the page.
    for (const card of due) card.update();
    for (const card of due) card.draw(now);
    for (const key of this.cards.keys()) if (!this.items.has(key)) this.remove(key);
    if (this.section) this.section.hidden = this.items.size === 0;
    return added;
  }

  add(key, item) {
    const card = this.make(item);
    this.cards.set(key, card);
    this.list.append(card.element);
    this.watcher.observe(card.element);
  }

  remove(key) {
    const { element } = this.cards.get(key);
    this.watcher.unobserve(element);
    element.remove();
    this.cards.delete(key);
  }

  /** Show the right cards, in order. Whoever has the focus keeps it. */
  arrange() {
    const focused = document.activeElement;
    const cards = [...this.cards.values()].sort((a, b) => this.order.compare(a.item, b.item));
    let shown = 0;
    let place = this.list.firstElementChild;
    for (const { element, item } of cards) {
      const hidden = !this.order.keep(item);
      if (element.hidden !== hidden) element.hidden = hidden;
      if (!hidden) shown++;
      if (element === place) place = place.nextElementSibling;
      else this.list.insertBefore(element, place);
    }
    if (focused !== document.activeElement && this.list.contains(focused)) focused.focus({ preventScroll: true });
    setText(this.counter, shown === cards.length ? shown : `${shown} of ${cards.length}`);
    return shown;
  }
}
