import { CATEGORIES, PRODUCTS, inCategory } from "../catalog.js";
import { all, html } from "../dom.js";
import { hero } from "../personal.js";
import { picture } from "../pictures.js";
import { grid } from "./parts.js";

const PICKED = ["knit-matelot", "boot-averse", "tote-cabas", "lamp-phare"];

/** The first page. Its hero belongs to the segments. */
export const home = () => ({
  title: "",
  markup: html`
    <section id="hero" class="hero" aria-live="polite">${hero()}</section>
    <section aria-labelledby="aisles"><h2 id="aisles">Four aisles</h2>
      <ul class="aisles">${CATEGORIES.map((category) => html`<li><a href="c/${category.id}">
        ${picture(inCategory(category.id)[0])}<span><strong>${category.name}</strong>${category.line}</span></a></li>`)}
      </ul></section>
    <section aria-labelledby="picked"><h2 id="picked">This week on the quay</h2>
      ${grid(PRODUCTS.filter(({ sku }) => PICKED.includes(sku)))}</section>
    <section class="story-teaser"><div><p class="eyebrow">The log</p><h2>What a wake remembers</h2>
      <p>Three minutes of reading, and a film of twelve seconds.</p>
      <a class="button button-light" href="story/wake" data-track="Story Opened" data-track-story="wake"
        >Read the story</a></div></section>
    <section class="letters"><div><h2>Letters from the harbour</h2>
      <p>One a season. Tides, wool, and what is left in stock.</p></div>
      <form id="letters" aria-label="Newsletter"><label for="letters-email">Your e-mail</label>
        <div class="joined"><input id="letters-email" name="email" type="email" required autocomplete="email"
          placeholder="you@example.com"><button class="button">Subscribe</button></div>
        <p class="thanks" role="status"></p></form></section>`,
  ready(main) {
    for (const form of all("#letters", main)) form.addEventListener("submit", thank);
  },
});

function thank(event) {
  event.preventDefault();
  event.target.reset();
  event.target.querySelector(".thanks").textContent = "Merci. The address went nowhere: this is a demonstration.";
}
