// A list of cards that follows the model: keyed, sorted, filtered, and moved as little as possible.

import { byId, setText } from "./dom.js";

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
    this.watcher = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "200px" });
  }

  seen(entries) {
    for (const entry of entries) {
      const card = this.cards.get(entry.target.dataset.key);
      if (!card) continue;
      card.visible = entry.isIntersecting;
      if (card.visible) card.draw(Date.now());
    }
  }

  /** Bring every card up to date; add and remove as the model says. True when there are new ones. */
  update(now) {
    let added = false;
    for (const [key, item] of this.items) {
      const card = this.cards.get(key);
      if (card) { card.item = item; card.update(); card.draw(now); } else { this.add(key, item); added = true; }
    }
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
