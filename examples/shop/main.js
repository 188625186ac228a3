import { startCart } from "./drawer.js";
import { find } from "./dom.js";
import { startFrame } from "./frame.js";
import { startPanel } from "./panel.js";
import { startPersonal } from "./personal.js";
import { route, startRouter } from "./router.js";
import { article } from "./views/article.js";
import { checkout, order } from "./views/checkout.js";
import { home } from "./views/home.js";
import { list, search } from "./views/list.js";
import { missing } from "./views/missing.js";
import { product } from "./views/product.js";

startFrame();
startCart();
startPanel();
startPersonal();

if (document.body.dataset.page !== "static") {
  route("", home);
  route("c/:id", list);
  route("p/:sku", product);
  route("search", search);
  route("checkout", checkout);
  route("order/:id", order);
  route("story/wake", article);
  route(":missing", missing);
  startRouter();
}

// With a base address, a plain #main would lead to the first page.
find(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  find("#main").focus();
});
