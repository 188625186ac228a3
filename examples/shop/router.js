import { all, fill, find } from "./dom.js";

const BASE = new URL(document.baseURI).pathname;
const routes = [];

/** `pattern` as in `p/:sku`; `view` gives `{ title, markup, ready(main) }` from the parameters and the query. */
export const route = (pattern, view) => routes.push({ names: pattern.split("/"), view });

/** A route's address, below wherever the shop is mounted. */
export const address = (path) => BASE + path;

/** Goes to a route of the shop as a link would. */
export function go(path, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"]({}, "", address(path));
  show();
}

function match(names, parts) {
  if (names.length !== parts.length) return undefined;
  const parameters = {};
  for (const [index, name] of names.entries()) {
    if (name.startsWith(":")) parameters[name.slice(1)] = decodeURIComponent(parts[index]);
    else if (name !== parts[index]) return undefined;
  }
  return parameters;
}

function resolve() {
  const parts = location.pathname.slice(BASE.length).replace(/\/$|^index\.html$/, "").split("/");
  for (const { names, view } of routes) {
    const parameters = match(names, parts);
    const page = parameters && view(parameters, new URLSearchParams(location.search));
    if (page) return page;
  }
  return undefined;
}

/** Draws the route of the present address. */
export function show({ first = false } = {}) {
  const page = resolve() ?? routes.at(-1).view({}, new URLSearchParams());
  const main = find("#main");
  document.title = page.title ? `${page.title} – Port Sillage` : "Port Sillage";
  fill(main, page.markup);
  page.ready?.(main);
  for (const link of all(".header nav a")) {
    link.toggleAttribute("aria-current", new URL(link.href).pathname === location.pathname);
  }
  if (first) return;
  scrollTo({ top: 0, behavior: "instant" });
  main.focus({ preventScroll: true });
}

/** Takes over clicks on the shop's own routes; files, other sites and new tabs stay the browser's. */
export function startRouter() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || link.target || event.defaultPrevented) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || !url.pathname.startsWith(BASE) || url.pathname.endsWith(".html")) return;
    event.preventDefault();
    go(url.pathname.slice(BASE.length) + url.search);
  });
  addEventListener("popstate", () => show());
  show({ first: true });
}
