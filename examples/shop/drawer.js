import { cartId, lines, listed, onCart, pieces, remove, shipping, subtotal, total } from "./cart.js";
import { bySku, euros } from "./catalog.js";
import { fill, find, html, make } from "./dom.js";
import { picture } from "./pictures.js";
import { track } from "./tracking.js";

const drawer = make("dialog", "drawer");

/** The cart's drawer and the count on its button. */
export function startCart() {
  drawer.setAttribute("aria-label", "Your cart");
  document.body.append(drawer);
  find("#cart-button").addEventListener("click", () => openCart({ view: true }));
  drawer.addEventListener("click", clicked);
  onCart(draw);
  draw();
}

/** `view`: the visitor asked to see it; after adding something the drawer opens by itself, which is no view. */
export function openCart({ view }) {
  if (view) track("Cart Viewed", { cart_id: cartId(), products: listed() });
  if (!drawer.open) drawer.showModal();
}

function clicked({ target }) {
  const gone = target.closest("[data-remove]");
  if (gone) return remove(bySku(gone.dataset.remove));
  // A click beside the drawer meets the dialog itself: its contents fill it.
  if (target === drawer || target.closest("[data-close], a")) drawer.close();
}

function draw() {
  const count = find("#cart-count");
  count.textContent = String(pieces());
  count.classList.toggle("none", pieces() === 0);
  fill(drawer, html`<div class="drawer-body"><header><h2>Your cart</h2>
    <button type="button" class="plain" data-close aria-label="Close the cart">✕</button></header>
    ${pieces() === 0 ? vacant() : full()}</div>`);
}

const vacant = () => html`<p class="vacant">Nothing in it yet.<br>
  <a href="c/knits">Something warm, perhaps?</a></p>`;

const full = () => html`<ul class="lines">${lines().map(({ product, quantity }) => html`<li>${picture(product)}
    <div><a href="p/${product.sku}">${product.name}</a><span>${quantity} × ${euros(product.price)}</span>
    <button type="button" class="plain small" data-remove="${product.sku}">Remove</button></div>
    <span class="price">${euros(product.price * quantity)}</span></li>`)}</ul>
  <dl><dt>Together</dt><dd>${euros(subtotal())}</dd>
    <dt>Shipping</dt><dd>${shipping() === 0 ? html`<strong class="good">free</strong>` : euros(shipping())}</dd>
    <dt>Total</dt><dd class="price">${euros(total())}</dd></dl>
  <a class="button button-big" href="checkout">To checkout</a>`;
