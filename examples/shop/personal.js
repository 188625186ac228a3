import { cartId, giveFreeShipping, onCart, pieces, subtotal } from "./cart.js";
import { fill, find, html } from "./dom.js";
import { sea } from "./pictures.js";
import { loaded, track } from "./tracking.js";

/** A little more than the minute after which a cart counts as left. */
const CART_WAITS_MS = 63_000;

let mine = new Set();

/** The first that holds is shown. `null` stands for everybody. */
const HEROES = [
  ["cart-abandoner", () => ({
    eyebrow: "Still on the quay",
    title: "The tide waits for nobody. We do.",
    text: "Your cart is where you left it, and its journey to you is on us.",
    link: ["checkout", "Ship it for free"],
  }), () => pieces() > 0],
  ["hot-cart", () => ({
    eyebrow: "Still warm",
    title: "Your cart waits.",
    text: pieces() === 1 ? "One thing, held for you." : `${pieces()} things, held for you.`,
    link: ["checkout", "To checkout"],
  }), () => pieces() > 0],
  ["buyer", () => ({
    eyebrow: "Merci",
    title: "Fair winds, and thank you.",
    text: "Your order is on its way. While you wait: what goes well with it.",
    link: ["c/galley", "For the table"],
  })],
  ["video-watcher", () => ({
    eyebrow: "To the last frame",
    title: "You saw the boat. Here is its lamp.",
    text: "The lantern of the film burns for ten hours, and blinks if you ask it to.",
    link: ["p/lamp-phare", "See the lantern"],
  })],
  ["browsing", () => ({
    eyebrow: "Looking around",
    title: "Take your time. Or take a jumper.",
    text: "Of all that you can look at here, most end with the one with twenty-one stripes.",
    link: ["p/knit-matelot", "Jumper Matelot"],
  })],
  ["reader", () => ({
    eyebrow: "For those who read to the end",
    title: "A blanket, for the next long story.",
    text: "Lambswool, wide enough for two, and for the dog at their feet.",
    link: ["p/plaid-dune", "Blanket Dune"],
  })],
  [null, () => ({
    eyebrow: "Autumn, by the water",
    title: "Things for a life by the water.",
    text: "Twelve of them, made slowly, for decks, docks and kitchens that smell of salt.",
    link: ["c/knits", "See what is warm"],
  })],
];

const BANNERS = [
  ["cart-abandoner", "Come back aboard: free shipping on this cart.", () => pieces() > 0],
  ["sharer", "You passed us on. Merci: good company is the best wind."],
  ["engaged", "You know your way around by now. The last aisle on the right is the quiet one."],
  ["new-visitor", "First time in this harbour? Welcome. The panel shows what your visit tells, as it tells it."],
  [null, "Free shipping from €150. Mended for life."],
];

const first = (list) => list.find(([segment, , holds]) => (!segment || mine.has(segment)) && (!holds || holds()));

/** The first page's head, for who is there now. */
export function hero() {
  const [segment, words] = first(HEROES);
  const { eyebrow, title, text, link } = words();
  return html`<div class="hero-text" data-segment="${segment ?? "everybody"}">
    <p class="eyebrow">${segment && html`<span class="for">${segment}</span>`}${eyebrow}</p>
    <h1>${title}</h1><p class="lead">${text}</p>
    <p><a class="button button-big" href="${link[0]}" data-track="Hero Clicked" data-track-segment="${
      segment ?? "everybody"}">${link[1]}</a></p></div>${sea()}`;
}

/** Pages follow the segments from the first answer on, and from the last visit's before there is one. */
export async function startPersonal() {
  draw();
  onCart(draw);
  sayWhenTheCartHasWaited();
  const client = await loaded;
  client?.onSegmentsChanged((segments) => {
    mine = new Set(segments);
    if (mine.has("cart-abandoner")) giveFreeShipping();
    draw();
  });
}

/**
 * Segments come with answers, and the page of somebody who does nothing has nothing to send. That a cart has waited for
 * a minute is worth saying; the answer to it brings what the collector has found out by itself meanwhile.
 */
function sayWhenTheCartHasWaited() {
  let timer;
  const wait = () => {
    clearTimeout(timer);
    if (pieces() === 0) return;
    timer = setTimeout(() => track("Cart Waited", { cart_id: cartId(), value: subtotal() }), CART_WAITS_MS);
  };
  onCart(wait);
  wait();
}

function draw() {
  const banner = find("#banner");
  const [segment, text] = first(BANNERS);
  if (banner.textContent !== text) banner.textContent = text;
  banner.dataset.segment = segment ?? "everybody";
  const place = find("#hero");
  // Drawn again only for another segment: who has just read it, or tabbed into it, is not to be interrupted.
  if (place && find(".hero-text", place)?.dataset.segment !== (first(HEROES)[0] ?? "everybody")) fill(place, hero());
}
