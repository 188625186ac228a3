/** All that the shop says to the tag, and what the live panel wants to hear of it. */

const listeners = new Set();

/** Hears of each call before it is made: `(method, name, properties)`. */
export function onCall(listener) {
  listeners.add(listener);
}

function call(method, name, ...rest) {
  for (const listener of listeners) listener(method, name, rest[0]);
  // The queue of stub.js before the tag has loaded, the tag itself afterwards; without a collector nothing.
  window.sillage?.(method, name, ...rest);
}

export const track = (event, properties) => call("track", event, properties);
export const identify = (userId, traits) => call("identify", userId, traits);
export const reset = () => call("reset");
export const consent = (granted) => call("consent", { analytics: granted });

/** The tag's client once it has loaded; `undefined` if there is no collector or its tag did not come. */
export const loaded = new Promise((resolve) => {
  const tag = document.getElementById("sillage-tag");
  const client = () => (typeof window.sillage?.ledger === "function" ? window.sillage : undefined);
  if (!tag || client()) return resolve(client());
  tag.addEventListener("load", () => resolve(client()));
  tag.addEventListener("error", () => resolve(undefined));
});

/** A product as the e-commerce events name it. */
export function described(product, more) {
  return {
    product_id: product.sku,
    sku: product.sku,
    category: product.category,
    name: product.name,
    brand: "Port Sillage",
    price: product.price,
    currency: "EUR",
    ...more,
  };
}
