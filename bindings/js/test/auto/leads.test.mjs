// Forms, links and shares: what a visitor begins, follows and passes on.
import assert from "node:assert/strict";
import test from "node:test";
import { heard, said, settle, site } from "./site.mjs";

const world = site();
const only = (name) => ({
  pages: false,
  clicks: false,
  scroll: false,
  engagement: false,
  forms: false,
  links: false,
  shares: false,
  video: false,
  [name]: true,
});
const events = async (page) => (await said(page)).map(({ event }) => event);
/** Links that lead nowhere, so that the page stays. */
const held = `<script>addEventListener("click", (event) => event.preventDefault());
  addEventListener("auxclick", (event) => event.preventDefault())</script>`;
const follow = async (page, name, selectors, options) => {
  for (const selector of selectors) await page.click(selector, options);
  await settle(page);
  return (await said(page, name)).map(({ properties }) => properties);
};

test("a form is started at its first input, once a view", async () => {
  const page = await world.open(
    `<form id=signup name=newsletter><input id=a><input type=checkbox id=b></form>
    <input form=signup id=c>`,
    only("forms"),
  );
  await page.type("#a", "typed");
  await page.check("#b");
  await page.type("#c", "typed");
  assert.deepEqual(
    (await said(page)).map(({ event, properties }) => [event, properties]),
    [["Form Started", { form_id: "signup", form_name: "newsletter" }]],
  );
});

test("in the next view a form is started anew", async () => {
  const page = await world.open(`<form id=signup><input id=a></form>`, { ...only("forms"), pages: true });
  await heard(page, "Page Viewed");
  await page.type("#a", "x");
  await page.evaluate(() => history.pushState(0, "", "/b"));
  await heard(page, "Page Viewed", 2);
  await page.type("#a", "xy");
  assert.equal((await said(page, "Form Started")).length, 2);
});

test("a form without a name is told by its place", async () => {
  const page = await world.open(`<main><form><input></form><form><input id=a></form></main>`, only("forms"));
  await page.type("#a", "x");
  assert.deepEqual(await heard(page, "Form Started"), [{ form_id: "html>body>main>form:nth-of-type(2)" }]);
});

test("a submit counts once, also when scripts handle it, and not while the form is invalid", async () => {
  const page = await world.open(
    `<form id=f><input id=a required><button>send</button></form><script>
    f.addEventListener("submit", (event) => { event.preventDefault(); event.stopImmediatePropagation(); });</script>`,
    only("forms"),
  );
  await page.click("button");
  assert.deepEqual(await events(page), []);
  await page.type("#a", "x");
  await page.click("button");
  assert.deepEqual(await events(page), ["Form Started", "Form Submitted"]);
  await page.evaluate(() => f.requestSubmit());
  assert.deepEqual(
    (await said(page, "Form Submitted")).map(({ properties }) => properties),
    [{ form_id: "f" }, { form_id: "f" }],
  );
});

test("a form that leads to another page is told before the page is gone", async () => {
  world.serve("/thanks", "<p>", false);
  const page = await world.open(
    `<form id=f action=/thanks><input name=secret value=hush><button>send</button></form>`,
    only("forms"),
  );
  await page.click("button");
  await page.waitForURL("**/thanks?secret=hush");
  assert.deepEqual(
    (await said(page)).map(({ properties }) => properties),
    [{ form_id: "f" }],
  );
});

test("links out of the site are told, links within are not", async () => {
  const page = await world.open(
    `${held}<a id=a href="https://user:pw@other.example/x?token=1&utm_source=s#f">Other <b>site</b></a>
    <a id=b href="/here">here</a><a id=c href="#there">there</a>
    <a id=d href="mailto:hi@shop.example?subject=secret">mail</a>
    <a id=e href="tel:+33123">call</a><a id=f href="javascript:void 0">script</a><a id=g>nothing</a>`,
    only("links"),
  );
  assert.deepEqual(await follow(page, "Link Clicked", ["#a", "#b", "#c", "#d", "#e", "#f", "#g"]), [
    { href: "https://other.example/x?utm_source=s", text: "Other site", outbound: true },
    { href: "mailto:hi@shop.example", text: "mail", outbound: true },
    { href: "tel:+33123", text: "call", outbound: true },
  ]);
});

test("a site is its own with www. and in its subdomains", async () => {
  const page = await world.open(
    `${held}<a id=a href="http://www.localhost/">a</a><a id=b href="http://shop.localhost/">b</a>
    <a id=c href="http://notlocalhost/">c</a>`,
    only("links"),
    { path: "/" },
  );
  await page.goto(world.origin.replace("127.0.0.1", "localhost"));
  assert.deepEqual(
    (await follow(page, "Link Clicked", ["#a", "#b", "#c"])).map(({ text }) => text),
    ["c"],
  );
});

test("a link counts when the middle button or a key beside the click opens it, but not for a menu", async () => {
  const page = await world.open(`${held}<a id=a href="https://other.example/">a</a>`, only("links"));
  await page.click("#a", { button: "middle" });
  await page.click("#a", { modifiers: ["Control"] });
  await page.click("#a", { button: "right" });
  await settle(page);
  assert.deepEqual(await events(page), ["Link Clicked", "Link Clicked"]);
});

test("downloads are told by their ending or their attribute", async () => {
  const page = await world.open(
    `${held}<a id=a href="/files/Prices%202026.PDF?key=1">a</a><a id=b href="/export" download="list.csv">b</a>
    <a id=c href="https://other.example/x.zip">c</a><a id=d href="/page.html">d</a><a id=e href="/made" download>e</a>
    <a id=f href="blob:${"http://x/y"}" download="made.txt">f</a>`,
    only("links"),
  );
  assert.deepEqual(await follow(page, "File Downloaded", ["#a", "#b", "#c", "#d", "#e", "#f"]), [
    { href: `${world.origin}/files/Prices%202026.PDF`, name: "Prices%202026.PDF", extension: "pdf" },
    { href: `${world.origin}/export`, name: "list.csv", extension: "csv" },
    { href: "https://other.example/x.zip", name: "x.zip", extension: "zip" },
    { href: `${world.origin}/made`, name: "made" },
    { name: "made.txt", extension: "txt" },
  ]);
  assert.deepEqual(await said(page, "Link Clicked"), []);
});

test("links that hand an address to a network are shares of it", async () => {
  const shared = encodeURIComponent("https://shop.example/a?id=7&utm_source=s");
  const links = {
    facebook: `https://www.facebook.com/sharer/sharer.php?u=${shared}`,
    x: `https://twitter.com/intent/tweet?text=Look&url=${shared}`,
    linkedin: `https://www.linkedin.com/sharing/share-offsite/?url=${shared}`,
    whatsapp: `https://wa.me/?text=Look%20${shared}%20now`,
    telegram: `https://t.me/share/url?url=${shared}`,
    pinterest: `https://fr.pinterest.com/pin/create/button/?url=${shared}`,
    reddit: `https://www.reddit.com/submit?url=${shared}&title=t`,
    email: `mailto:?subject=s&body=Look+${shared}`,
  };
  const others = [
    "https://www.facebook.com/shop",
    "https://x.com/shop?lang=en",
    "mailto:hi@shop.example?subject=s",
    `https://netflix.com/?u=${shared}`,
    "https://wa.me/33123",
  ];
  const page = await world.open(
    held + [...Object.values(links), ...others].map((href, n) => `<a id=a${n} href="${href}">l</a> `).join(""),
    only("shares"),
  );
  const all = Object.values(links).length + others.length;
  const shares = await follow(
    page,
    "Content Shared",
    Array.from({ length: all }, (_, n) => `#a${n}`),
  );
  assert.deepEqual(
    shares,
    Object.keys(links).map((network) => ({ network, url: "https://shop.example/a?utm_source=s" })),
  );
});

test("a malformed share link changes nothing for the next", async () => {
  const page = await world.open(
    `${held}<a id=a href="https://x.com/intent/post?url=https%3A%2F%2F%E0%A4%A">a</a>
    <a id=b href="https://x.com/intent/post?url=https%3A%2F%2Fshop.example%2F">b</a>`,
    only("shares"),
  );
  assert.equal((await follow(page, "Content Shared", ["#a", "#b"])).at(-1).url, "https://shop.example/");
});

test("the system's share sheet counts when it was used, and behaves as before", async () => {
  // Made up: this browser has no share sheet.
  const page = await world.open("<p>", only("shares"), {
    path: "/p",
    prepare: () => {
      const share = function share(data) {
        if (this !== navigator) throw new TypeError("Illegal invocation");
        return (window.made = data.no ? Promise.reject(new Error("AbortError")) : Promise.resolve());
      };
      Object.defineProperty(Navigator.prototype, "share", { value: share, writable: true, configurable: true });
    },
  });
  await page.waitForFunction(() => Object.hasOwn(navigator, "share"));
  assert.deepEqual(
    await page.evaluate(async () => [
      navigator.share({ url: "/p?id=1" }) === window.made,
      navigator.share.name,
      navigator.share.length,
      await navigator.share({ no: true }).catch(({ message }) => message),
      await navigator.share({ title: "t" }),
      (() => {
        try {
          navigator.share.call({}, {});
        } catch (error) {
          return error.message;
        }
      })(),
    ]),
    [true, "share", 1, "AbortError", undefined, "Illegal invocation"],
  );
  await settle(page);
  assert.deepEqual(
    (await said(page)).map(({ properties }) => properties),
    [
      { network: "system", url: `${world.origin}/p` },
      { network: "system", url: `${world.origin}/p` },
    ],
  );
});

test("a browser without a share sheet still has none", async () => {
  const page = await world.open("<p>", only("shares"));
  await settle(page);
  assert.equal(await page.evaluate(() => "share" in navigator), false);
});
