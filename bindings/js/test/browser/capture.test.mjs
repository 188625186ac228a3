// What the tag captures by itself arrives, each once, also where the page's policy is strict.
import assert from "node:assert/strict";
import { join } from "node:path";
import test, { after, before, beforeEach } from "node:test";
import { World, tag, until } from "./world.mjs";

const content = `
  <a id=away href="https://elsewhere.example/x">away</a> <a id=file href="/list.pdf" download>list</a>
  <a id=share href="https://x.com/intent/post?url=http%3A%2F%2Fshop.example%2F">share</a>
  <button id=call data-track="Offer Wanted" data-track-offer="spring">offer</button>
  <form id=letter action="/thanks"><input name=mail><input type=password name=secret><button id=send>send</button></form>
  <video id=film src="/clip.webm" muted></video>`;

let world;
before(async () => (world = await World.start()));
after(() => world.stop());
beforeEach(() => world.fresh());

const once = ["Offer Wanted", "Form Started", "Form Submitted", "File Downloaded", "Content Shared",
  "Video Playback Started", "Video Playback Completed", "Application Crashed"];
const often = ["Element Clicked", "Scroll Depth Reached", "Page Left", "Web Vitals Measured", "Link Clicked"];

const visit = async (headers) => {
  const since = await world.ledger();
  const clip = join(import.meta.dirname, "../auto/clip.webm");
  world.pages = {
    "/all": { head: tag(world, 'data-auto="vitals errors"'), content, headers },
    "/clip.webm": { file: clip, headers: { "content-type": "video/webm" } },
  };
  await world.context.route(/elsewhere\.example|x\.com/, (route) => route.abort());
  const page = await world.open("/all");
  await until("the later captures", () =>
    page.evaluate(() => performance.getEntriesByType("resource").some(({ name }) => name.endsWith("more.js"))));
  await until("the core", () => page.evaluate(() => sillage.flush(1_000)));
  await page.evaluate(() => {
    film.play();
    setTimeout(() => {
      throw new Error("of the page");
    });
  });
  for (const link of ["#away", "#file", "#share"]) await page.click(link, { modifiers: ["Control"] });
  await page.click("#call");
  await page.mouse.wheel(0, 6_000);
  await until("the film's end", () => page.evaluate(() => film.ended));
  await page.fill("[name=mail]", "canary@canary.example");
  await page.fill("[name=secret]", "canary-secret");
  await page.click("#send");
  await page.waitForURL("**/thanks*");
  await page.waitForFunction(() => "track" in window.sillage);
  assert.equal(await page.evaluate(() => sillage.flush(15_000)), true);
  const events = world.events();
  const count = (name) => events.filter(({ event }) => event === name).length;
  for (const name of once) assert.equal(count(name), 1, name);
  for (const name of often) assert.ok(count(name) >= 1, name);
  const pages = events.filter(({ type }) => type === "page").map(({ context }) => context.page.path);
  assert.deepEqual(pages.slice(0, 1), ["/all"]);
  assert.ok(!JSON.stringify(world.requests.map(({ body }) => body)).includes("canary"), "what was typed was told");
  const ledger = await until("the ledger to be even", async () => {
    const ledger = await world.ledger(since);
    return ledger.pending === 0 && ledger.received === world.events().length && ledger;
  });
  assert.deepEqual([ledger.installs, ledger.lost, ledger.surplus], [1, 0, 0]);
  assert.equal(ledger.created, world.events().length);
};

test("every kind of capture arrives once", () => visit({}));

test("every kind of capture arrives once where the policy forbids inline scripts and WebAssembly", () =>
  visit({
    "content-security-policy": `default-src 'self'; script-src ${world.api}; connect-src ${world.api}; style-src 'unsafe-inline'`,
  }));
