import { startAccount } from "./account.js";
import { CATEGORIES } from "./catalog.js";
import { startConsent } from "./consent.js";
import { fill, find, html } from "./dom.js";
import { go } from "./router.js";

/** What stands around every page: header, footer, account, consent. */
export function startFrame() {
  fill(find("#header"), html`
    <a class="logo" href="./"><img src="media/boat.svg" width="34" height="34" alt=""><span>Port Sillage</span></a>
    <nav aria-label="Aisles">${CATEGORIES.map(({ id, name }) => html`<a href="c/${id}">${name}</a>`)}
      <a href="story/wake">Story</a><a href="about.html">About</a></nav>
    <form id="search" role="search"><label class="unseen" for="query">Search the shop</label>
      <input id="query" name="q" type="search" placeholder="Search" maxlength="60" autocomplete="off"></form>
    <button type="button" id="account" class="plain"></button>
    <button type="button" id="cart-button" class="button button-small" aria-haspopup="dialog">Cart
      <span id="cart-count" class="count">0</span></button>`);
  fill(find("#footer"), html`<p>Port Sillage is a demonstration: nothing here can be bought.</p>
    <p><a href="about.html">About</a><a href="story/wake">The log</a>
      <button type="button" class="plain" id="choices">Privacy choices</button></p>`);
  find("#search").addEventListener("submit", search);
  startAccount();
  startConsent();
}

function search(event) {
  event.preventDefault();
  const query = new URLSearchParams(new FormData(event.target)).toString();
  // A page that is not one of the shop's routes has to leave for them.
  if (document.body.dataset.page === "static") location.assign(new URL(`search?${query}`, document.baseURI));
  else go(`search?${query}`);
}
