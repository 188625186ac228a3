import { add } from "../cart.js";
import { bySku, category, euros, inCategory } from "../catalog.js";
import { find, html, whole } from "../dom.js";
import { openCart } from "../drawer.js";
import { picture } from "../pictures.js";
import { address } from "../router.js";
import { share, startShare } from "../share.js";
import { described, track } from "../tracking.js";
import { grid } from "./parts.js";

const MOST_AT_ONCE = 5;

/** A product's own page. */
export function product({ sku }) {
  const shown = bySku(sku);
  if (!shown) return undefined;
  const aisle = category(shown.category);
  const url = location.origin + address(`p/${sku}`);
  const near = inCategory(shown.category).filter((other) => other !== shown);
  return {
    title: shown.name,
    markup: html`
      <nav class="crumbs" aria-label="Where you are"><a href="./">Port Sillage</a> /
        <a href="c/${aisle.id}">${aisle.name}</a></nav>
      <article class="product"><div class="product-picture">${picture(shown)}</div>
        <div class="product-text"><h1>${shown.name}</h1><p class="price price-big">${euros(shown.price)}</p>
          <p class="lead">${shown.text}</p>
          <form id="add" class="add"><label for="quantity">Quantity</label>
            <select id="quantity" name="quantity">
              ${Array.from({ length: MOST_AT_ONCE }, (_, index) => html`<option>${index + 1}</option>`)}</select>
            <button class="button button-big">Add to cart</button></form>
          <ul class="facts"><li>Free shipping from €150</li><li>Thirty days to change your mind</li>
            <li>Mended for life, by us</li></ul>
          ${share(shown.name, url)}</div></article>
      <section aria-labelledby="near"><h2 id="near">In the same aisle</h2>${grid(near)}</section>`,
    ready(main) {
      track("Product Viewed", described(shown, { url }));
      startShare(main, shown.name, url);
      find("#add", main).addEventListener("submit", (event) => {
        event.preventDefault();
        add(shown, whole(new FormData(event.target).get("quantity"), 1, MOST_AT_ONCE));
        openCart({ view: false });
      });
    },
  };
}
