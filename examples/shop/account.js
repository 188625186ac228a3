import { fill, find, html, make } from "./dom.js";
import { identify, reset } from "./tracking.js";

/** A pretended account: a name on this browser, told to the collector as a user. */
const PLACE = "shop.account";

export function startAccount() {
  const button = find("#account");
  const dialog = make("dialog", "sheet", html`<form method="dialog" id="login"><h2>Sign in</h2>
    <p>Any word will do. It becomes your user id, and whatever this browser did so far becomes yours.</p>
    <label>Club name <input name="club" required maxlength="40" pattern=".*\\S.*" autocomplete="off"></label>
    <div class="row"><button class="button">Sign in</button>
      <button class="button button-quiet" type="button" value="cancel">Not now</button></div></form>`);
  document.body.append(dialog);
  const draw = () => fill(button, html`${localStorage.getItem(PLACE) ? "Sign out" : "Sign in"}`);
  button.addEventListener("click", () => {
    if (!localStorage.getItem(PLACE)) return dialog.showModal();
    localStorage.removeItem(PLACE);
    reset();
    draw();
  });
  find("[value=cancel]", dialog).addEventListener("click", () => dialog.close());
  find("form", dialog).addEventListener("submit", (event) => {
    const club = String(new FormData(event.target).get("club")).trim().toLowerCase();
    const userId = `club-${club.replace(/[^a-z0-9]+/g, "-")}`;
    localStorage.setItem(PLACE, userId);
    identify(userId, { club: true });
    event.target.reset();
    draw();
  });
  draw();
}
