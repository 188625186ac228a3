import { html } from "../dom.js";

/** What is shown for an address that leads nowhere. */
export const missing = () => ({
  title: "Not on the chart",
  markup: html`<section class="prose"><p class="eyebrow">404</p><h1>Not on the chart</h1>
    <p class="lead">There is no such place in this shop.</p><p><a class="button" href="./">Back to the harbour</a></p>
  </section>`,
});
