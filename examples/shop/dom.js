/** Text that is markup already. Everything else is escaped. */
class Markup {
  constructor(text) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
}

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (value) => String(value).replace(/[&<>"']/g, (character) => ESCAPES[character]);

function shown(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(shown).join("");
  return value === undefined || value === null || value === false ? "" : escape(value);
}

/** Markup from a template; what is filled in is text unless it is markup itself. */
export function html(parts, ...values) {
  return new Markup(parts.reduce((text, part, index) => text + shown(values[index - 1]) + part));
}

export const find = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Puts markup into an element, and gives the element. */
export function fill(element, markup) {
  element.innerHTML = String(markup);
  return element;
}

/** A new element with markup in it. */
export function make(name, className, markup = "") {
  const element = document.createElement(name);
  element.className = className;
  return fill(element, markup);
}

/** A number within what a page may show, from what an address or a field says. */
export const whole = (value, least, most) => Math.min(most, Math.max(least, Math.trunc(Number(value)) || least));
