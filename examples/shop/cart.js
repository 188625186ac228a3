import { bySku } from "./catalog.js";
import { described, track } from "./tracking.js";

/** The cart lives in the browser's storage, so that it is still there on the next page and tomorrow. */
const PLACE = "shop.cart";
const MOST_OF_ONE = 9;
const SHIPPING = 6;
const FREE_SHIPPING_FROM = 150;

const listeners = new Set();
let state = read();

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(PLACE));
    const lines = kept.lines.filter(({ sku, quantity }) => bySku(sku) && quantity > 0);
    return { id: String(kept.id), lines, freeShipping: kept.freeShipping === true };
  } catch {
    return empty();
  }
}

function empty() {
  return { id: `cart-${crypto.randomUUID().slice(0, 8)}`, lines: [], freeShipping: false };
}

function write() {
  localStorage.setItem(PLACE, JSON.stringify(state));
  for (const listener of listeners) listener();
}

// Another tab of the shop has the same cart.
addEventListener("storage", ({ key }) => {
  if (key !== PLACE) return;
  state = read();
  for (const listener of listeners) listener();
});

export const onCart = (listener) => void listeners.add(listener);
export const cartId = () => state.id;
export const lines = () => state.lines.map(({ sku, quantity }) => ({ product: bySku(sku), quantity }));
export const pieces = () => state.lines.reduce((sum, { quantity }) => sum + quantity, 0);
export const subtotal = () => lines().reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);
export const shipping = () => (state.freeShipping || subtotal() >= FREE_SHIPPING_FROM ? 0 : SHIPPING);
export const total = () => subtotal() + shipping();

/** The lines as the e-commerce events list them. */
export const listed = () =>
  lines().map(({ product, quantity }, index) => described(product, { quantity, position: index + 1 }));

export function add(product, quantity = 1) {
  const line = state.lines.find(({ sku }) => sku === product.sku);
  if (line) line.quantity = Math.min(MOST_OF_ONE, line.quantity + quantity);
  else state.lines.push({ sku: product.sku, quantity });
  write();
  track("Product Added", described(product, { cart_id: state.id, quantity }));
}

export function remove(product) {
  const line = state.lines.find(({ sku }) => sku === product.sku);
  if (!line) return;
  state.lines = state.lines.filter((other) => other !== line);
  write();
  track("Product Removed", described(product, { cart_id: state.id, quantity: line.quantity }));
}

/** What a segment earned; it stays until the order. */
export function giveFreeShipping() {
  if (state.freeShipping) return;
  state.freeShipping = true;
  write();
}

export function clear() {
  state = empty();
  write();
}
