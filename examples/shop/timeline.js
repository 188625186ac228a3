import { fill, find, html } from "./dom.js";

/** What happened, newest first; kept for the visit, so that a full navigation does not wipe it. */
const PLACE = "shop.timeline";
const MOST = 40;
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

let rows = read();

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(PLACE));
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

/** `kind`: event, call, auto, batch, enter or leave. */
export function note(kind, what, more) {
  rows = [{ kind, what, more, at: Date.now() }, ...rows].slice(0, MOST);
  // What is private must leave no trace before it was agreed to.
  if (!sessionStorage.getItem("shop.consent")) sessionStorage.setItem(PLACE, JSON.stringify(rows));
  draw();
}

export function draw() {
  const list = find("#timeline");
  if (!list) return;
  fill(list, html`${rows.map(({ kind, what, more, at }, index) => html`<li class="row-${kind} ${
    index === 0 ? "newest" : ""}"><time>${CLOCK.format(at)}</time><span><b>${what}</b> ${more}</span></li>`)}`);
}
