// Clicks: what was clicked, where, and what it is called.
import assert from "node:assert/strict";
import test from "node:test";
import { heard, said, settle, site } from "./site.mjs";

const world = site();
const only = {
  pages: false,
  scroll: false,
  engagement: false,
  forms: false,
  links: false,
  shares: false,
  video: false,
};
const selectors = async (page, ...clicked) => {
  for (const [index, selector] of clicked.entries()) {
    await page.click(selector);
    await heard(page, "Element Clicked", index + 1);
  }
  return (await said(page, "Element Clicked")).map(({ properties }) => properties.selector);
};

test("a click says what, where on the page, and how large the page is", async () => {
  const page = await world.open(
    `<style>body{margin:0}</style><div style="height:1500px"></div>
    <a href="/x?token=1&utm_source=a" style="position:absolute;left:100px;top:1000px;width:50px;height:20px"> To <b>the
    shop</b> </a>`,
    only,
  );
  await page.evaluate(() => document.querySelector("a").addEventListener("click", (event) => event.preventDefault()));
  await page.click("b", { position: { x: 2, y: 2 } });
  const [click] = await heard(page, "Element Clicked");
  const spot = await page.evaluate(() => {
    const { x, y } = document.querySelector("b").getBoundingClientRect();
    return { x: x + scrollX, y: y + scrollY };
  });
  assert.ok(Math.abs(click.x - spot.x - 2) <= 1 && Math.abs(click.y - spot.y - 2) <= 1, JSON.stringify([click, spot]));
  assert.deepEqual(
    { ...click, x: 0, y: 0 },
    {
      selector: "html>body>a",
      text: "To the shop",
      href: `${world.origin}/x?utm_source=a`,
      x: 0,
      y: 0,
      viewport_w: 800,
      viewport_h: 600,
      page_h: 1500,
    },
  );
});

test("a key's click is at the middle of its element", async () => {
  const page = await world.open(
    `<button style="position:absolute;left:100px;top:200px;width:40px;height:20px">k</button>`,
    only,
  );
  await page.focus("button");
  await page.keyboard.press("Enter");
  const [{ x, y }] = await heard(page, "Element Clicked");
  assert.deepEqual([x, y], [120, 210]);
});

test("what is meant is the nearest thing to press, else what was hit", async () => {
  const page = await world.open(
    `<main><button id=buy><span id=in>x</span></button><div role=button id=role><i>y</i></div>
    <details><summary id=more><u>z</u></summary></details><p><em>plain</em></p></main>`,
    only,
  );
  assert.deepEqual(await selectors(page, "span", "i", "u", "em"), ["#buy", "#role", "#more", "html>body>main>p>em"]);
});

test("selectors use names for tracking and ids, but not ids that were generated", async () => {
  const page = await world.open(
    `<div id=list><button data-track="Plan Chosen">a</button><button class="is-on buy">b</button>
    <button id=":r1:">c</button><button id=item-8271 class="cart big">d</button><button id=_r_5_>e</button></div>`,
    only,
  );
  assert.deepEqual(await selectors(page, "text=a", "text=b", "text=c", "text=d", "text=e"), [
    '[data-track="Plan Chosen"]',
    "#list>button:nth-of-type(2)",
    "#list>button:nth-of-type(3)",
    "#list>button.cart:nth-of-type(4)",
    "#list>button:nth-of-type(5)",
  ]);
});

test("a selector finds its element, and is the same after a reload", async () => {
  const cell = (n) => `<td><a href="#n" class="pick">p${n}</a><a href="#m">q${n}</a></td>`;
  const page = await world.open(
    `<section><table>${[1, 2, 3].map((r) => `<tr>${cell(r * 2)}${cell(r * 2 + 1)}</tr>`).join("")}
    </table></section><section><table><tr>${cell(9)}</tr></table></section>`,
    only,
  );
  const targets = ["text=p2", "text=q5", "text=p7", "text=q9"];
  const first = await selectors(page, ...targets);
  assert.deepEqual(await page.evaluate((all) => all.map((one) => document.querySelector(one).textContent), first), [
    "p2",
    "q5",
    "p7",
    "q9",
  ]);
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  assert.deepEqual(await selectors(page, ...targets), first);
});

test("a selector has at most 256 bytes and keeps the end of its path", async () => {
  const page = await world.open(`${"<x-very-long-name-of-an-element>".repeat(30)}<button>deep</button>`, only);
  const [selector] = await selectors(page, "button");
  assert.ok(Buffer.byteLength(selector) <= 256 && selector.endsWith(">button") && selector.length > 200, selector);
});

test("fields of a form that are called like properties mislead nobody", async () => {
  const page = await world.open(
    `<form id=book><input name=id><input name=children><input name=attributes>
    <button type=button>go</button></form>`,
    only,
  );
  assert.deepEqual(await selectors(page, "button", "[name=children]"), ["#book>button", "#book>input:nth-of-type(2)"]);
});

test("a click in an open shadow tree is seen where it happened", async () => {
  const page = await world.open(
    `<x-card id=card></x-card><script>card.attachShadow({ mode: "open" }).innerHTML =
    "<div><button>in</button></div>";</script>`,
    only,
  );
  assert.deepEqual(await selectors(page, "button"), ["#card>div>button"]);
});

test("the click that the browser makes up for a label's field is not counted twice", async () => {
  const page = await world.open(`<label>Agreed<input type=checkbox id=ok></label>`, only);
  assert.deepEqual(await selectors(page, "label"), ["#ok"]);
  await settle(page);
  assert.equal((await said(page)).length, 1);
  assert.equal(await page.isChecked("#ok"), true);
});

test("text has at most 64 characters and none that was typed", async () => {
  const page = await world.open(
    `<button>${"word ".repeat(50)}</button><div role=button id=a>say <textarea>typed</textarea></div>
    <p contenteditable id=b>typed <b>too</b></p><div id=c>around <i data-private>typed</i></div>`,
    only,
  );
  await selectors(page, "button", "#a", "#b b", "#c");
  const texts = (await said(page)).map(({ properties }) => properties.text);
  assert.equal(texts[0], "word ".repeat(13).slice(0, 64).trim());
  assert.deepEqual(texts.slice(1), ["", "", ""]);
});

test("an element can name an event and its properties", async () => {
  const page = await world.open(
    `<div data-track="Plan Chosen" data-track-plan-name="Pro" data-track-seats="3">
    <button>choose</button></div>`,
    only,
  );
  await page.click("button");
  assert.deepEqual(
    (await said(page)).map(({ event }) => event),
    ["Element Clicked", "Plan Chosen"],
  );
  assert.deepEqual((await said(page))[1].properties, { plan_name: "Pro", seats: "3" });
});

test("clicks that scripts make up, or that the page stops, are told apart", async () => {
  const page = await world.open(
    `<button>b</button><script>document.body.addEventListener("click", (event) =>
    event.stopImmediatePropagation(), true)</script>`,
    only,
  );
  await page.evaluate(() => document.querySelector("button").click());
  assert.deepEqual(await said(page), []);
  await page.click("button");
  assert.equal((await said(page)).length, 1);
});
