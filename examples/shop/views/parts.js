import { euros } from "../catalog.js";
import { html } from "../dom.js";
import { picture } from "../pictures.js";

/** A product in a list. */
export const card = (product) => html`<li class="card">
  <a href="p/${product.sku}">${picture(product)}<span class="card-name">${product.name}</span>
  <span class="price">${euros(product.price)}</span></a></li>`;

export const grid = (products) => html`<ul class="grid">${products.map(card)}</ul>`;
