// What is never told, and what is never changed.
import assert from "node:assert/strict";
import test from "node:test";
import { heard, recordListeners, said, settle, show, site } from "./site.mjs";

const world = site();
const all = { vitals: true, errors: true };
const off = Object.fromEntries(
  ["pages", "clicks", "scroll", "engagement", "forms", "links", "shares", "video"].map((name) => [name, false]),
);
const CANARY = "canary7f3a";
const held = `<script>addEventListener("click", (event) => event.target.closest("a") && event.preventDefault());
  addEventListener("submit", (event) => event.preventDefault())</script>`;

test("what is typed, private or in an address is in no event, wherever it is typed and clicked", async () => {
  const fields = ["text", "email", "search", "tel", "url", "number", "password"]
    .map((type) => `<label>l<input type=${type} class=f></label>`)
    .join("");
  const page = await world.open(
    `${held}<style>a,p,button{display:block}</style>
    <form id=f name=n novalidate>${fields}<input class=f autocomplete=cc-number>
      <input class=f autocomplete="section-a new-password">
      <input class=f autocomplete=one-time-code><textarea class=f>${CANARY}</textarea>
      <select class=c><option>${CANARY}</select>
      <input type=submit value="${CANARY}"><input type=hidden value=${CANARY}></form>
    <div contenteditable class=f>${CANARY}<b class=c>${CANARY}</b></div>
    <p class=c contenteditable=plaintext-only>${CANARY}</p>
    <section data-private id=hidden><h2 class=c>${CANARY}</h2>
      <a class=c href="https://x.example/${CANARY}.pdf">${CANARY}</a>
      <button class=c data-track="${CANARY}" data-track-a="${CANARY}">${CANARY}</button>
      <form id=${CANARY}><input class=f id=${CANARY}2><button class=c>s</button></form>
      <video src="/${CANARY}.webm" muted></video>
      <a class=c href="https://wa.me/?text=https%3A%2F%2F${CANARY}.example">w</a></section>
    <section data-private=all><button class=c id=${CANARY}3>${CANARY}</button></section>
    <button class=c>Hello <i data-private>${CANARY}</i></button>
    <x-box data-private></x-box><script>document.querySelector("x-box").attachShadow({ mode: "open" }).innerHTML =
      "<button class=c>${CANARY}</button>";</script>
    <a class=c href="https://u:${CANARY}@other.example/?q=${CANARY}#${CANARY}">out</a>
    <a class=c href="javascript:'${CANARY}'">j</a><a class=c href="data:text/plain,${CANARY}" download="d.txt">d</a>
    <a class=c href="mailto:a@b.example?subject=${CANARY}&body=https%3A%2F%2Fb.example%2F%3Fk%3D${CANARY}">m</a>`,
    all,
    { path: `/?secret=${CANARY}#${CANARY}`, prepare: recordListeners },
  );
  await heard(page, "Page Viewed");
  for (const field of await page.locator(".f").all()) {
    await field.click();
    const type = await field.getAttribute("type");
    await page.keyboard.type(type === "number" ? "7377" : CANARY);
  }
  for (const element of await page.locator(".c").all()) await element.click({ noWaitAfter: true });
  await page.click("[type=submit]");
  await page.evaluate(() => document.querySelector("video").play());
  await page.evaluate((canary) => history.pushState(0, "", `/next?token=${canary}#${canary}`), CANARY);
  await heard(page, "Page Viewed", 2);
  await page.evaluate((canary) => {
    const script = document.createElement("script");
    script.textContent = `throw new Error("at https://x.example/a.js?k=${canary}:1")
      //# sourceURL=https://x.example/b.js?k=${canary}\n`;
    document.head.append(script);
  }, CANARY);
  await heard(page, "Application Crashed");
  await show(page, false);
  const log = await page.evaluate(() => sessionStorage.said);
  assert.ok(
    !log.includes(CANARY) && !log.includes("7377"),
    log.split("\n").find((line) => line.includes(CANARY)),
  );
  const names = new Set((await said(page)).map(({ event }) => event));
  for (const name of [
    "Element Clicked",
    "Form Started",
    "Form Submitted",
    "Link Clicked",
    "Page Left",
    "Content Shared",
    "File Downloaded",
  ])
    assert.ok(names.has(name), `${name} was among ${[...names]}`);
});

test("a click in something private tells only that, and nothing of what is wholly private", async () => {
  const page = await world.open(
    `<section id=bank data-private><div data-private><button id=in>b</button></div></section>
    <section data-private=all><button id=none>b</button></section><input type=password id=p>
    <input id=card autocomplete="billing cc-number"><input id=code autocomplete=one-time-code>
    <input id=shown autocomplete=current-password>`,
    { ...off, clicks: true },
  );
  for (const selector of ["#in", "#none", "#p", "#card", "#code", "#shown"]) await page.click(selector);
  await settle(page);
  assert.deepEqual(
    (await said(page)).map(({ properties }) => properties),
    [{ selector: "#bank" }],
  );
});

test("a private field does not start a form, the next one does", async () => {
  const page = await world.open(`<form id=f><input type=password id=a><input data-private id=b><input id=c></form>`, {
    ...off,
    forms: true,
  });
  await page.type("#a", "x");
  await page.type("#b", "x");
  assert.deepEqual(await said(page), []);
  await page.type("#c", "x");
  assert.equal((await said(page, "Form Started")).length, 1);
});

test("with everything off nothing listens, nothing is patched and no timer is set", async () => {
  const page = await world.open("<p>", off, {
    prepare: `(${recordListeners})();
    window.before = [history.pushState, history.replaceState, window.timers = 0];
    const set = setTimeout; window.setTimeout = (...given) => (timers++, set(...given));`,
  });
  await settle(page);
  assert.deepEqual(
    await page.evaluate(() => [
      Object.keys(listeners),
      timers - 1,
      history.pushState === before[0] && history.replaceState === before[1],
    ]),
    [[], 0, true],
  );
});

test("each type of event has one listener, which waits for nothing", async () => {
  const page = await world.open("<p>", all, {
    prepare: () => {
      window.added = [];
      const add = EventTarget.prototype.addEventListener;
      EventTarget.prototype.addEventListener = function (type, listener, how) {
        if (this === window || this instanceof Node) added.push([type, how?.capture && how.passive]);
        return add.call(this, type, listener, how);
      };
    },
  });
  await settle(page);
  const added = await page.evaluate(() => added);
  assert.ok(added.length > 20 && added.every(([, isLight]) => isLight));
  assert.equal(new Set(added.map(([type]) => type)).size, added.length);
  assert.ok(!added.some(([type]) => /unload/.test(type)));
});

test("ending takes back every listener and patch, and nothing more is said", async () => {
  const page = await world.open(
    `<button>b</button><form id=f><input id=a></form><video src=/clip.webm muted></video>`,
    all,
    {
      prepare: () => {
        window.live = 0;
        const add = EventTarget.prototype.addEventListener;
        EventTarget.prototype.addEventListener = function (type, listener, how) {
          if (this === window && how?.signal) {
            live++;
            how.signal.addEventListener("abort", () => live--);
          }
          return add.call(this, type, listener, how);
        };
        navigator.share = async () => {};
        window.before = [history.pushState, history.replaceState, navigator.share];
      },
    },
  );
  await heard(page, "Page Viewed");
  await page.waitForFunction(() => navigator.share !== before[2]);
  assert.ok((await page.evaluate(() => live)) > 20);
  await page.evaluate(() => {
    end();
    sessionStorage.clear();
  });
  assert.equal(await page.evaluate(() => live), 0);
  assert.ok(
    await page.evaluate(
      () => history.pushState === before[0] && history.replaceState === before[1] && navigator.share === before[2],
    ),
  );
  await page.click("button");
  await page.type("#a", "x");
  await page.evaluate(() => {
    history.pushState(0, "", "/later");
    document.querySelector("video").play();
  });
  world.serve("/next", "<p>", false);
  await page.goto(`${world.origin}/next`);
  assert.deepEqual(await said(page), []);
});

test("a patch that somebody else patched over stays in place at the end, and is silent", async () => {
  const page = await world.open("<p>", { ...off, pages: true });
  await heard(page, "Page Viewed");
  await page.evaluate(() => {
    const ours = history.pushState;
    window.theirs = history.pushState = function (...given) {
      return ours.apply(this, given);
    };
    end();
    history.pushState(0, "", "/after");
  });
  assert.ok(await page.evaluate(() => history.pushState === theirs && location.pathname === "/after"));
  // A view would have been sent by a timer that was set before this one and is due before it.
  await page.evaluate(() => new Promise((done) => setTimeout(done, 200)));
  assert.equal((await said(page)).length, 1);
});

test("routes behave as before: this, arguments, result, errors, name and length", async () => {
  const script = () => {
    const caught = (run) => {
      try {
        return run();
      } catch ({ name }) {
        return name;
      }
    };
    return ["pushState", "replaceState"].map((name) => [
      history[name].name,
      history[name].length,
      history[name]({ a: 1 }, "", "/r"),
      history.state.a,
      location.pathname,
      caught(() => history[name].call({}, 0, "", "/x")),
      caught(() => history[name](0, "", "https://other.example/")),
      caught(() => history[name](() => {}, "")),
      caught(() => history[name]()),
      `${history[name]}`.includes("[native code]"),
    ]);
  };
  const plain = await (await world.open("<p>", false)).evaluate(script);
  assert.deepEqual(await (await world.open("<p>", all)).evaluate(script), plain);
});

test("a capture that fails ends quietly, and alone", async () => {
  const page = await world.open(
    `<button>b</button>`,
    { ...off, clicks: true, pages: true },
    {
      prepare: () => {
        window.errors = 0;
        addEventListener("error", () => errors++);
        addEventListener("unhandledrejection", () => errors++);
      },
    },
  );
  await heard(page, "Page Viewed");
  await page.evaluate(() => {
    window.broken = true;
  });
  await page.click("button");
  await page.evaluate(() => {
    window.broken = false;
  });
  await page.click("button");
  await page.evaluate(() => history.pushState(0, "", "/b"));
  await heard(page, "Page Viewed", 2);
  assert.deepEqual(
    (await said(page)).map(({ event }) => event),
    ["Page Viewed", "Page Viewed"],
  );
  assert.equal(await page.evaluate(() => errors), 0);
});
