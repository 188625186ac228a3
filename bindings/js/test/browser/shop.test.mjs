// A visitor of the demo's web shop, who clicks as anybody would: what the panel says of the visit, what the shop makes
// of it, and that every event is accounted for. All that is served comes from the program itself.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { binary, browser, until } from "./world.mjs";

const repository = join(import.meta.dirname, "../../../..");

/** Reading seven months of invoices and playing their last days takes this long at most, ms, also in a slow build. */
const PLAYED_MS = 180_000;
/** The film's twelve seconds, and time for a busy machine to draw them, ms. */
const FILM_MS = 60_000;

/** `sillage demo --stay`, once it serves on and until it is interrupted, when it checks itself. */
class Demo {
  said = "";

  static async start() {
    const demo = new Demo();
    demo.folder = mkdtempSync(join(tmpdir(), "sillage-shop-"));
    const args = ["demo", "--stay", "--plain", "--seconds", "1", "--data-dir", demo.folder];
    demo.child = spawn(binary, args, { cwd: repository, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [demo.child.stdout, demo.child.stderr])
      stream.on("data", (text) => (demo.said += text));
    demo.ended = once(demo.child, "exit");
    await until(
      "the retailer's days to be played",
      () => {
        assert.equal(demo.child.exitCode, null, demo.said);
        return demo.said.includes("serving on until");
      },
      PLAYED_MS,
    );
    [, demo.shop, demo.origin] = /a web shop to click in: ((http:\/\/[\d.:]+)\/shop\/)/.exec(demo.said);
    return demo;
  }

  async interrupt() {
    const from = this.said.length;
    this.child.kill("SIGINT");
    const [code] = await this.ended;
    return { code, said: this.said.slice(from) };
  }

  async stop() {
    if (this.child.exitCode === null && this.child.kill("SIGKILL")) await this.ended;
    rmSync(this.folder, { recursive: true });
  }

  /** The collector's ledger of all visitors. */
  async ledger() {
    const answer = await fetch(`${this.origin}/v1/ledger`, {
      headers: { authorization: "Bearer rt_webshop" },
    });
    return (await answer.json()).total;
  }
}

let demo;
let chromium;
before(async () => {
  demo = await Demo.start();
  chromium = await browser();
});
after(async () => {
  await chromium?.close();
  await demo?.stop();
});

/** A new visitor in the shop, and all that the browser complains about. */
const visit = async (url) => {
  const context = await chromium.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const [errors, loaded] = [[], []];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("response", (response) => loaded.push(new URL(response.url()).pathname.split("/").at(-1)));
  await page.goto(url);
  await page.waitForFunction(() => "ledger" in (window.sillage ?? {}));
  return { page, errors, loaded };
};

/** The segments that the panel shows, without those that are just leaving. */
const chips = (page) =>
  page.locator("#segments .chip:not(.leaving)").evaluateAll((all) => all.map((chip) => chip.dataset.segment));

const entered = (page, segment) =>
  until(`${segment} in the panel`, async () => (await chips(page)).includes(segment));
const left = (page, segment) => until(`no ${segment}`, async () => !(await chips(page)).includes(segment));
const hero = (page, segment) => page.locator(`.hero-text[data-segment=${segment}]`).waitFor();

const heading = (page, text) => page.getByRole("heading", { level: 1, name: text }).waitFor();
const aisle = (page, name) => page.locator(".header nav").getByRole("link", { name }).click();

/** To each product of an aisle, from one to the next as its page offers them. */
const browse = async (page, name, products) => {
  await aisle(page, name);
  for (const product of products) {
    await page.locator(".grid").getByRole("link", { name: product }).click();
    await heading(page, product);
  }
};

const buy = async (page) => {
  await page.getByRole("button", { name: "Add to cart" }).click();
  await entered(page, "hot-cart");
  await page.getByRole("link", { name: "To checkout" }).click();
  const fields = {
    Name: "Ada",
    Street: "Quay 1",
    Postcode: "29000",
    Town: "Port",
    "Card number": "0000 0000 0000 0000",
    "Good through": "12/30",
    "Security code": "000",
  };
  for (const [label, value] of Object.entries(fields))
    await page.getByLabel(label, { exact: true }).fill(value);
  await page.getByRole("button", { name: /^Pay/ }).click();
  await heading(page, "Merci. It is on its way.");
};

/** What was created is acknowledged, to the last event, in the client's words, the panel's and the collector's. */
const balanced = async (page) => {
  await until("all to be sent", () => page.evaluate(() => sillage.flush(1_000)));
  const { created, acknowledged, ...others } = await page.evaluate(() => sillage.ledger());
  assert.equal(acknowledged, created);
  assert.deepEqual(others, { pending: 0, rejected: {}, dropped: {}, unsure: {} });
  await until("the panel to show it", async () => {
    const [left, right] = await page.locator(".equation .term b").allTextContents();
    return left === right && Number(left) >= created;
  });
  assert.match(await page.locator("#equation .small").textContent(), /It adds up/);
  return created;
};

let visitor;

test("a new visitor is greeted, and who looks at three products is helped", async () => {
  visitor = await visit(demo.shop);
  const { page } = visitor;
  await entered(page, "new-visitor");
  await page.locator("#banner[data-segment=new-visitor]").waitFor();
  await hero(page, "everybody");
  const products = await page.evaluate(async () => {
    const { inCategory } = await import("./catalog.js");
    return inCategory("knits").map(({ name }) => name);
  });
  assert.equal(products.length, 3);
  await browse(page, "Knits", products);
  await entered(page, "browsing");
  await page.locator(".logo").click();
  await hero(page, "browsing");
});

test("a cart is hot until it is ordered, and then there is a buyer", async () => {
  const { page } = visitor;
  await page.locator(".hero a.button").click();
  await buy(page);
  await entered(page, "buyer");
  await left(page, "hot-cart");
  await page.getByRole("link", { name: "Back to the harbour" }).click();
  await hero(page, "buyer");
});

test("a film that was seen to its end, a story that was read and a link that was copied are noticed", async () => {
  const { page } = visitor;
  await page.getByRole("link", { name: "Read the story" }).click();
  await page.locator("#film").click();
  await page.waitForFunction(() => document.querySelector("#film").ended, undefined, { timeout: FILM_MS });
  await entered(page, "video-watcher");
  assert.ok(!(await chips(page)).includes("reader"), "who only watched has not read");
  await page.mouse.wheel(0, 10_000);
  await entered(page, "reader");
  assert.ok(!(await chips(page)).includes("sharer"));
  await page.getByRole("button", { name: "Copy link" }).click();
  await entered(page, "sharer");
});

test("a page that is loaded anew knows the segments before the collector has answered", async () => {
  const { page } = visitor;
  await page.evaluate(() => sillage.flush());
  const known = (await chips(page)).toSorted();
  for (const segment of ["browsing", "buyer", "reader", "sharer", "video-watcher"])
    assert.ok(known.includes(segment));
  await page.route("**/v1/batch*", (route) => route.abort());
  await Promise.all([page.waitForEvent("domcontentloaded"), aisle(page, "About")]);
  await until("the same segments", async () => `${(await chips(page)).toSorted()}` === `${known}`);
  await page.unroute("**/v1/batch*");
  visitor.errors.splice(0, Infinity, ...visitor.errors.filter((error) => !error.includes("ERR_FAILED")));
});

test("the visit adds up on both sides, and no page complained", async (t) => {
  const { page, errors, loaded } = visitor;
  const created = await balanced(page);
  const ledger = await until("the collector to have counted all", async () => {
    const ledger = await demo.ledger();
    return ledger.received === created && ledger.pending === 0 && ledger;
  });
  t.diagnostic(`${created} events; ${await chips(page)}`);
  assert.deepEqual([ledger.installs, ledger.created, ledger.lost, ledger.surplus], [1, created, 0, 0]);
  assert.deepEqual(errors, []);
  assert.ok(loaded.includes("core.wasm") && !loaded.includes("core.js"), `${loaded}`);
});

test("under the strict policy the same visit works with the core as JavaScript, and violates nothing", async () => {
  const { page, errors, loaded } = await visit(`${demo.shop}strict/`);
  await page.evaluate(() =>
    addEventListener("securitypolicyviolation", (event) => console.error(event.blockedURI)),
  );
  await entered(page, "new-visitor");
  await page.locator(".grid").getByRole("link", { name: "Jumper Matelot" }).click();
  await heading(page, "Jumper Matelot");
  await buy(page);
  await entered(page, "buyer");
  await left(page, "hot-cart");
  await balanced(page);
  assert.ok(loaded.includes("core.js"), `${loaded}`);
  assert.deepEqual(errors, []);
});

test("interrupted, the demo makes the shop's state again from its log and finds it equal", async () => {
  await chromium.close();
  const { code, said } = await demo.interrupt();
  assert.equal(code, 0, said);
  assert.match(said, /the web shop: 2 sessions[^]*live state and replayed log are equal/);
});
