// Making and changing elements. Text only ever enters through textContent, so a name can be nothing but text.

/** el("p", "class names", "text" or children...) */
export function el(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content.filter((part) => part !== undefined));
  return element;
}

/** An SVG element with attributes. */
export function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Change text only where it differs: an untouched node costs the browser nothing and a screen reader says nothing. */
export function setText(element, text) {
  const value = String(text);
  if (element.shown !== value) {
    element.shown = value;
    element.textContent = value;
  }
}

/** Change a data-* attribute only where it differs. */
export function setData(element, name, value) {
  const text = String(value);
  if (element.dataset[name] !== text) element.dataset[name] = text;
}

/** The name of a card, which opens its details. */
export function nameButton(key, open) {
  const button = el("button", "name", key);
  button.type = "button";
  button.title = key;
  button.setAttribute("aria-haspopup", "dialog");
  button.addEventListener("click", open);
  return button;
}

export const byId = (id) => document.getElementById(id);
