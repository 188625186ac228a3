import { cartId, clear, lines, listed, pieces, shipping, subtotal, total } from "../cart.js";
import { euros } from "../catalog.js";
import { find, html } from "../dom.js";
import { go } from "../router.js";
import { track } from "../tracking.js";

/** Where an order is paid. Address and card are private: no capture of the tag touches what is in there. */
export function checkout() {
  if (pieces() === 0) return nothing();
  return {
    title: "Checkout",
    markup: html`<header class="page-head"><p class="eyebrow">Nearly there</p><h1>Checkout</h1></header>
      <div class="checkout"><form id="checkout">${addressFields()}${cardFields()}
        <button class="button button-big">Pay ${euros(total())}</button>
        <p class="small">Nothing is charged, nothing of this leaves your browser. Any sixteen digits do.</p></form>
      <aside class="summary" aria-label="Your order"><h2>Your order</h2><ul>
        ${lines().map(({ product, quantity }) => html`<li><span>${quantity} × ${product.name}</span>
          <span>${euros(product.price * quantity)}</span></li>`)}</ul>
        <dl><dt>Shipping</dt><dd>${shipping() === 0 ? "free" : euros(shipping())}</dd>
          <dt>Total</dt><dd class="price">${euros(total())}</dd></dl></aside></div>`,
    ready(main) {
      track("Checkout Started", { checkout_id: cartId(), value: subtotal(), currency: "EUR", products: listed() });
      const form = find("#checkout", main);
      let cardTouched = false;
      find("#card", main).addEventListener("change", () => {
        if (cardTouched || find("#card", main).querySelector(":invalid")) return;
        cardTouched = true;
        track("Payment Info Entered", { checkout_id: cartId(), payment_method: "card" });
      });
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        if (!cardTouched) track("Payment Info Entered", { checkout_id: cartId(), payment_method: "card" });
        complete();
      });
    },
  };
}

const field = (label, name, autocomplete, more = "") => html`<label>${label}
  <input name="${name}" autocomplete="${autocomplete}" required ${more}></label>`;

const digits = html`inputmode="numeric"`;

const addressFields = () => html`<fieldset data-private><legend>Where to</legend>
  ${field("Name", "name", "name")}${field("Street", "street", "street-address")}
  <div class="pair">${field("Postcode", "postcode", "postal-code")}${field("Town", "town", "address-level2")}</div>
</fieldset>`;

const cardFields = () => html`<fieldset id="card" data-private><legend>Card (pretend)</legend>
  ${field("Card number", "card", "cc-number", html`inputmode="numeric" pattern="[0-9 ]{16,19}" maxlength="19"
    placeholder="0000 0000 0000 0000"`)}
  <div class="pair">${field("Good through", "expires", "cc-exp", html`placeholder="12/30" maxlength="5"`)}
    ${field("Security code", "code", "cc-csc", html`${digits} maxlength="4" pattern="[0-9]{3,4}"`)}</div></fieldset>`;

function complete() {
  const id = `order-${crypto.randomUUID().slice(0, 8)}`;
  track("Order Completed", {
    checkout_id: cartId(),
    order_id: id,
    total: total(),
    revenue: subtotal(),
    shipping: shipping(),
    currency: "EUR",
    products: listed(),
  });
  clear();
  go(`order/${id}`, { replace: true });
}

const nothing = () => ({
  title: "Checkout",
  markup: html`<section class="prose"><h1>Your cart is empty</h1>
    <p><a class="button" href="c/shoes">Start with the shoes</a></p></section>`,
});

/** The thanks for an order. */
export const order = ({ id }) => ({
  title: "Merci",
  markup: html`<section class="prose order"><p class="eyebrow">Order ${id}</p><h1>Merci. It is on its way.</h1>
    <p class="lead">It would be, if any of it existed. Look at the panel: you are a <em>buyer</em> now, your cart is no
      longer hot, and the first page has something new to say.</p>
    <p><a class="button" href="./">Back to the harbour</a></p></section>`,
});
