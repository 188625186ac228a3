import { fill, find, html, make } from "./dom.js";
import { equation } from "./equation.js";
import { draw as drawTimeline, note } from "./timeline.js";
import { loaded, onCall, reset } from "./tracking.js";

/** The demo's public segments, and what a visitor does to get into one. */
const SEGMENTS = [
  ["new-visitor", "Just be here for the first time."],
  ["browsing", "Look at three products."],
  ["hot-cart", "Put something into the cart."],
  ["cart-abandoner", "Fill a cart, then do nothing for a minute."],
  ["buyer", "Order. The card may be all zeros."],
  ["engaged", "Stay a while, and click."],
  ["video-watcher", "Watch the film in the story to its end."],
  ["sharer", "Pass a product on: copy its link."],
  ["reader", "Read the story down to its end."],
];

const LEDGER_EVERY_MS = 1000;
const SILENCE_MS = 1500;
const OPEN = "shop.panel";

/** A segment that the demo does not know of is shown as well: somebody has changed the rules. */
const chipName = (segment) => segment.replaceAll("-", " ");

/** The live panel: what the collector knows of this visit, and what this browser told it. */
export async function startPanel() {
  const panel = make("aside", "panel", html`
    <button type="button" class="panel-handle" aria-expanded="true" aria-controls="panel-body">
      <span class="dot"></span><strong>Live</strong><span id="panel-sum"></span><span class="arrow" aria-hidden="true"
      ></span></button>
    <div id="panel-body" class="panel-body">
      <h2>Your segments now</h2><ul id="segments" class="chips" aria-live="polite"></ul><p id="none" class="small"></p>
      <details class="panel-try" open><summary>How to get into the others</summary><ul id="hints"></ul></details>
      <h2>What became of every event</h2><div id="equation"></div>
      <div class="row"><button type="button" class="chip-button" id="send">Send now</button>
        <button type="button" class="chip-button" id="forget">Be somebody new</button></div>
      <h2>What just happened</h2><ol id="timeline" class="timeline"></ol>
      <p class="small">Device <code id="device">–</code></p></div>`);
  panel.setAttribute("aria-label", "What Sillage knows, live");
  // Looking at the panel is no part of the visit.
  panel.dataset.private = "all";
  document.body.append(panel);
  fold(panel);
  drawTimeline();
  drawSegments([], "Waiting for the tag …");
  const told = { events: 0, at: 0 };
  onCall((method, name, properties) => {
    if (method !== "reset" && method !== "consent") told.events += 1;
    told.at = performance.now();
    note(method === "track" ? "event" : "call", method === "track" ? name : method, detail(method, name, properties));
  });
  watchBatches();
  const client = await loaded;
  panel.classList.toggle("live", client !== undefined);
  if (!client) return drawSegments([], "No tag: is the shop served by a collector?");
  startSegments(client);
  find("#send").addEventListener("click", () => client.flush());
  find("#forget").addEventListener("click", reset);
  follow(client, told);
}

function fold(panel) {
  const handle = find(".panel-handle", panel);
  const narrow = matchMedia("(max-width: 1100px)").matches;
  const apply = (open) => {
    document.documentElement.classList.toggle("panel-open", open);
    handle.setAttribute("aria-expanded", String(open));
    find("#panel-body").inert = !open;
  };
  apply((sessionStorage.getItem(OPEN) ?? (narrow ? "no" : "yes")) === "yes");
  handle.addEventListener("click", () => {
    const open = handle.getAttribute("aria-expanded") !== "true";
    sessionStorage.setItem(OPEN, open ? "yes" : "no");
    apply(open);
  });
}

function startSegments(client) {
  let before = new Set(client.segments());
  const show = (segments) => drawSegments(segments, "None yet. Click around.");
  show([...before]);
  client.onSegmentsChanged((segments) => {
    const now = new Set(segments);
    for (const segment of now) if (!before.has(segment)) note("enter", chipName(segment), "entered");
    for (const segment of before) if (!now.has(segment)) note("leave", chipName(segment), "left");
    before = now;
    show(segments);
  });
}

/** Chips that stay keep their elements, so that only what enters or leaves moves. */
function drawSegments(segments, otherwise) {
  const list = find("#segments");
  const shown = new Map([...list.children].map((chip) => [chip.dataset.segment, chip]));
  for (const segment of segments) {
    if (shown.has(segment) && !shown.get(segment).classList.contains("leaving")) continue;
    shown.get(segment)?.remove();
    const chip = make("li", `chip chip-${segment}`, html`${chipName(segment)}`);
    chip.dataset.segment = segment;
    list.append(chip);
  }
  for (const [segment, chip] of shown) {
    if (segments.includes(segment) || chip.classList.contains("leaving")) continue;
    chip.classList.add("leaving");
    chip.addEventListener("animationend", () => chip.remove());
  }
  find("#none").textContent = segments.length === 0 ? otherwise : "";
  find("#panel-sum").textContent = segments.length === 1 ? "1 segment" : `${segments.length} segments`;
  const others = SEGMENTS.filter(([segment]) => !segments.includes(segment));
  fill(find("#hints"), html`${others.map(([segment, how]) => html`<li><b>${chipName(segment)}</b> ${how}</li>`)}`);
}

/** The ledger once a second while somebody can see it. */
function follow(client, told) {
  let before;
  const look = async () => {
    if (document.hidden) return;
    const ledger = await client.ledger();
    // What the tag created beyond what the shop asked for, it captured by itself. A call is counted a little later, so
    // the two are compared only when the shop has been silent for a while.
    if (performance.now() - told.at > SILENCE_MS) {
      const own = ledger.created - told.events;
      const captured = own - (before ?? own);
      if (captured > 0) note("auto", captured === 1 ? "1 event" : `${captured} events`, "captured by the tag itself");
      before = own;
    }
    fill(find("#equation"), equation(ledger));
    find("#device").textContent = client.anonymousId() || "none: nothing may be stored";
  };
  look();
  setInterval(look, LEDGER_EVERY_MS);
}

/** Each batch as the browser's own measurements see it. */
function watchBatches() {
  const observer = new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) {
      if (!new URL(name).pathname.endsWith("/v1/batch")) continue;
      note("batch", "A batch", `answered in ${Math.round(duration)} ms`);
    }
  });
  observer.observe({ type: "resource" });
}

function detail(method, name, properties = {}) {
  if (method === "identify") return String(name);
  const { name: product, query, category, order_id: order, products } = properties;
  const many = products && (products.length === 1 ? "1 product" : `${products.length} products`);
  return product ?? query ?? order ?? many ?? category ?? "";
}
