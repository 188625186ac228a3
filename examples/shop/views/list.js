import { category, find, inCategory } from "../catalog.js";
import { html } from "../dom.js";
import { described, track } from "../tracking.js";
import { grid } from "./parts.js";

const listed = (products) => products.map((product, index) => described(product, { position: index + 1 }));

/** A category. */
export function list({ id }) {
  const shown = category(id);
  if (!shown) return undefined;
  const products = inCategory(id);
  return {
    title: shown.name,
    markup: html`<header class="page-head"><p class="eyebrow">Aisle</p><h1>${shown.name}</h1>
      <p class="lead">${shown.line}</p></header>${grid(products)}`,
    ready: () => track("Product List Viewed", { list_id: id, category: shown.name, products: listed(products) }),
  };
}

/** What a search found. The words stay in the address, so that it can be gone back to. */
export function search(_, query) {
  const words = query.get("q") ?? "";
  const products = find(words);
  const count = products.length === 1 ? "1 thing" : `${products.length} things`;
  return {
    title: "Search",
    markup: html`<header class="page-head"><p class="eyebrow">Search</p><h1>“${words}”</h1>
      <p class="lead">${count} found.</p></header>${grid(products)}
      ${products.length === 0 && html`<p>Try <a href="search?q=wool">wool</a>, <a href="search?q=canvas">canvas</a> or
        <a href="search?q=light">light</a>.</p>`}`,
    ready: () => track("Products Searched", { query: words, results: products.length }),
  };
}
