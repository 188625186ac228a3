import { find, html, make } from "./dom.js";
import { consent } from "./tracking.js";

/** The place that stub.js reads as well: "ask", "granted" or "denied"; nothing where nobody has to be asked. */
const PLACE = "shop.consent";

/** With `?consent=1`: a question before anything is stored or sent. */
export function startConsent() {
  const answer = sessionStorage.getItem(PLACE);
  if (answer === "ask") ask();
  else if (answer) consent(answer === "granted");
  find("#choices").addEventListener("click", ask);
}

function ask() {
  if (find("#consent")) return;
  const bar = make("section", "consent", html`<div><h2>May we watch the wake?</h2>
    <p>If you agree, this browser keeps an id and says what you do here. If not, it keeps and says nothing.</p></div>
    <div class="row"><button type="button" class="button" value="granted">Agree</button>
      <button type="button" class="button button-quiet" value="denied">Decline</button></div>`);
  bar.id = "consent";
  bar.setAttribute("aria-label", "Privacy");
  bar.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    if (sessionStorage.getItem(PLACE)) sessionStorage.setItem(PLACE, button.value);
    consent(button.value === "granted");
    bar.remove();
  });
  document.body.append(bar);
}
