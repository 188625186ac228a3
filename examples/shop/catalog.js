/** What the shop sells. Prices in euros. The colours are those of the pictures. */
export const CATEGORIES = [
  { id: "shoes", name: "Shoes", line: "For decks, docks and the long way home." },
  { id: "bags", name: "Bags", line: "Canvas and cord, made to be set down in the wet." },
  { id: "knits", name: "Knits", line: "Wool for the hour when the wind turns." },
  { id: "galley", name: "Galley", line: "What stays on the table when the table moves." },
];

export const PRODUCTS = [
  product("esp-maree", "Espadrille Marée", "shoes", 59, "espadrille", ["#e4572e", "#f7e7d3"],
    "Jute sole, canvas the colour of a buoy. Dries on a windowsill."),
  product("deck-pontil", "Deck shoe Pontil", "shoes", 119, "deckshoe", ["#1f6f8b", "#e3eef2"],
    "A razor-cut sole that holds on wet teak, and laces that stay tied."),
  product("boot-averse", "Rain boot Averse", "shoes", 85, "boot", ["#e9b44c", "#fbf1da"],
    "Knee-high, lined, yellow on purpose: to be seen from the cliff."),
  product("tote-cabas", "Cabas de quai", "bags", 72, "tote", ["#12263a", "#e6e9ee"],
    "A market bag with a stripe at the waterline. Carries twelve kilos of mussels."),
  product("pack-large", "Rucksack Grand large", "bags", 145, "rucksack", ["#4f7a5b", "#e6efe6"],
    "Roll top, one pocket outside, straps that a child can adjust with gloves on."),
  product("pouch-cap", "Pouch Petit cap", "bags", 28, "pouch", ["#c8553d", "#f8e6df"],
    "For a passport, a torch and a pencil. Floats for a while."),
  product("knit-matelot", "Jumper Matelot", "knits", 129, "jumper", ["#23395d", "#e7ebf2"],
    "Twenty-one stripes, as it should be. Heavy wool, washed twice before you see it."),
  product("knit-brume", "Beanie Brume", "knits", 34, "beanie", ["#7c8fa6", "#ebeff4"],
    "Ribbed, short, warm to the ears. The pompom comes off if you must."),
  product("knit-horizon", "Scarf Horizon", "knits", 56, "scarf", ["#b5446e", "#f6e4eb"],
    "Two metres of merino that fade from dusk to night."),
  product("mug-bol", "Mug Bol d'air", "galley", 18, "mug", ["#2a9d8f", "#e0f2ef"],
    "Enamel, chipped by nobody yet. Sits in the holder of any cockpit."),
  product("lamp-phare", "Lantern Phare", "galley", 64, "lantern", ["#d1495b", "#fae5e8"],
    "Warm light for ten hours; one slow blink a minute if you ask for it."),
  product("plaid-dune", "Blanket Dune", "galley", 98, "blanket", ["#c9a66b", "#f7f0e3"],
    "Lambswool, wide enough for two, and for the dog at their feet."),
];

function product(sku, name, category, price, shape, colours, text) {
  return { sku, name, category, price, shape, colours, text };
}

export const bySku = (sku) => PRODUCTS.find((product) => product.sku === sku);
export const inCategory = (id) => PRODUCTS.filter((product) => product.category === id);
export const category = (id) => CATEGORIES.find((category) => category.id === id);

/** Products whose name, category or text has each word. */
export function find(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  return PRODUCTS.filter((product) => {
    const text = `${product.name} ${product.category} ${product.text}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

const EUROS = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR", minimumFractionDigits: 0 });
export const euros = (amount) => EUROS.format(amount);
