// How far and how long a view was looked at. Its minutes pass on the page's own clock, wound by the tests.
import assert from "node:assert/strict";
import test from "node:test";
import { heard, recordListeners, said, show, site } from "./site.mjs";

const world = site();
const settings = { clicks: false, forms: false, links: false, shares: false, video: false };
const tall = `<style>body{margin:0}</style><div style="height:6000px"></div>`;
const open = async (body = "<p>", options = {}) => {
  const page = await world.open(body, settings, { clock: true, prepare: recordListeners, ...options });
  // Views begin when their title has settled.
  await page.clock.runFor(100);
  return page;
};
const beats = async (page) => (await said(page, "Page Engaged")).map(({ properties }) => properties.engaged_ms);
const lefts = async (page) => (await said(page, "Page Left")).map(({ properties }) => properties.engaged_ms);

test("engaged time beats at 10, 30 and 60 seconds, and then each minute, while something is done", async () => {
  const page = await open();
  for (let second = 0; second < 190; second += 10) {
    await page.keyboard.press("Shift");
    await page.clock.runFor(10_000);
  }
  assert.deepEqual(await beats(page), [10_000, 30_000, 60_000, 120_000, 180_000]);
  const [{ view_id }] = await heard(page, "Page Viewed");
  assert.ok((await said(page, "Page Engaged")).every(({ properties }) => properties.view_id === view_id));
});

test("half a minute after the last sign of life time stops", async () => {
  const page = await open();
  await page.clock.runFor(300_000);
  assert.deepEqual(await beats(page), [10_000, 30_000]);
  await page.keyboard.press("Shift");
  await page.clock.runFor(5_000);
  await show(page, false);
  assert.deepEqual(await lefts(page), [35_000]);
});

test("an idle or hidden page sets no timer and has none left", async () => {
  const page = await open();
  await page.clock.runFor(60_000);
  const timers = () =>
    page.evaluate(() => {
      window.count = 0;
      const set = window.setTimeout;
      window.setTimeout = (work, wait) => {
        window.count++;
        return set(() => {
          window.count++;
          work();
        }, wait);
      };
    });
  await timers();
  await page.clock.runFor(600_000);
  assert.equal(await page.evaluate(() => window.count), 0, "idle");
  await page.keyboard.press("Shift");
  assert.equal(await page.evaluate(() => window.count), 1, "a sign of life sets one");
  await show(page, false);
  await page.evaluate(() => {
    window.count = 0;
  });
  await page.keyboard.press("Shift");
  await page.clock.runFor(600_000);
  assert.equal(await page.evaluate(() => window.count), 0, "hidden");
});

test("hidden time does not count, and each hiding tells the total once", async () => {
  const page = await open();
  await page.clock.runFor(4_000);
  await show(page, false);
  await page.clock.runFor(60_000);
  await show(page, true);
  await page.clock.runFor(3_000);
  await show(page, false);
  await page.evaluate(() => listeners.pagehide[0]({ type: "pagehide", isTrusted: true }));
  assert.deepEqual(await lefts(page), [4_000, 7_000]);
});

test("pointers, keys, wheels and scrolling keep a view engaged", async () => {
  const page = await open(tall);
  const signs = {
    pointermove: () => page.mouse.move(300, 50),
    keydown: () => page.keyboard.press("Shift"),
    wheel: () => page.mouse.wheel(0, 5),
    scroll: () => page.evaluate(() => scrollTo(0, 400)),
    pointerdown: () => page.mouse.down(),
  };
  for (const [type, make] of Object.entries(signs)) {
    await page.clock.runFor(25_000);
    // Heard last, after the captures.
    await page.evaluate((type) => {
      window.sign = new Promise((done) => addEventListener(type, () => done(), { once: true }));
    }, type);
    await make();
    await page.evaluate(() => window.sign);
  }
  await page.clock.runFor(25_000);
  await show(page, false);
  assert.deepEqual(await lefts(page), [150_000]);
});

test("a video that plays keeps a view engaged, one that loops does not", async () => {
  for (const [more, engaged] of [
    ["", 50_000],
    ["loop", 30_000],
  ]) {
    const page = await open(`<video src=/clip.webm muted ${more}></video>`);
    await page.clock.runFor(25_000);
    // Videos play in the time of the world, not of the page's clock.
    await page.evaluate(async () => {
      const video = document.querySelector("video");
      const played = new Promise((done) => addEventListener("timeupdate", () => done(), { once: true, capture: true }));
      await video.play();
      await played;
      video.pause();
    });
    await page.clock.runFor(25_000);
    await show(page, false);
    assert.deepEqual(await lefts(page), [engaged]);
  }
});

test("leaving for another page tells engaged time and depth once, before the page is gone", async () => {
  world.serve("/next", "<p>", false);
  const page = await open(tall);
  await page.clock.runFor(2_000);
  await page.goto(`${world.origin}/next`);
  const all = await said(page, "Page Left");
  assert.equal(all.length, 1);
  const { view_id, ...rest } = all[0].properties;
  assert.deepEqual(rest, { engaged_ms: 2_000, max_scroll_percent: 10 });
});

test("a route ends its view under the old address, and the next begins at nothing", async () => {
  const page = await open();
  await page.clock.runFor(9_000);
  await page.evaluate(() => history.pushState(0, "", "/b"));
  await page.clock.runFor(100);
  const [left] = await said(page, "Page Left");
  assert.deepEqual([left.properties.engaged_ms, left.context.page.path], [9_000, "/"]);
  await page.clock.runFor(2_000);
  assert.deepEqual(await beats(page), []);
  await show(page, false);
  assert.deepEqual(await lefts(page), [9_000, 2_000]);
  const ids = (await said(page, "Page Viewed")).map(({ properties }) => properties.view_id);
  assert.deepEqual(
    (await said(page, "Page Left")).map(({ properties }) => properties.view_id),
    ids,
  );
});

const depths = async (page) => (await said(page, "Scroll Depth Reached")).map(({ properties }) => properties.percent);

test("each depth is told once a view, with its view", async () => {
  const page = await world.open(tall, settings);
  const [{ view_id }] = await heard(page, "Page Viewed");
  await page.evaluate(() => scrollTo(0, 1000));
  await heard(page, "Scroll Depth Reached", 1);
  await page.evaluate(() => scrollTo(0, 4000));
  await heard(page, "Scroll Depth Reached", 3);
  await page.evaluate(() => scrollTo(0, 0));
  await page.evaluate(() => scrollTo(0, 5400));
  await heard(page, "Scroll Depth Reached", 5);
  assert.deepEqual(await depths(page), [25, 50, 75, 90, 100]);
  assert.ok((await said(page, "Scroll Depth Reached")).every(({ properties }) => properties.view_id === view_id));
  await page.evaluate(() => history.pushState(0, "", "/b"));
  await heard(page, "Page Viewed", 2);
  await page.evaluate(() => scrollTo(0, 5398));
  await heard(page, "Scroll Depth Reached", 10);
  assert.deepEqual((await depths(page)).slice(5), [25, 50, 75, 90, 100]);
});

test("what was just scrolled to is told when the page is left", async () => {
  world.serve("/next", "<p>", false);
  const page = await world.open(tall, settings);
  await heard(page, "Page Viewed");
  await page.evaluate(
    () =>
      new Promise((done) => {
        addEventListener("scroll", done, { once: true });
        scrollTo(0, 3000);
      }),
  );
  await page.goto(`${world.origin}/next`);
  assert.deepEqual(await depths(page), [25, 50]);
  assert.equal((await said(page, "Page Left"))[0].properties.max_scroll_percent, 60);
});

test("a page shorter than the window counts as seen to its end once the visitor was engaged", async () => {
  const page = await open("<p>short");
  await page.clock.runFor(9_000);
  assert.deepEqual(await depths(page), []);
  await page.clock.runFor(1_000);
  assert.deepEqual(await depths(page), [25, 50, 75, 90, 100]);
});

test("scrolling inside of the page is not scrolling the page", async () => {
  const page = await world.open(
    `<div id=box style="height:100px;overflow:auto"><div style="height:1000px"></div></div>`,
    settings,
  );
  await heard(page, "Page Viewed");
  await page.evaluate(
    () =>
      new Promise((done) => {
        box.addEventListener("scroll", () => setTimeout(done, 300));
        box.scrollTop = 500;
      }),
  );
  assert.deepEqual(await depths(page), []);
});
