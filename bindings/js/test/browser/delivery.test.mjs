// Nothing is lost and nothing counts twice, whatever happens to tabs, networks and disks.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import { World, until } from "./world.mjs";

let world;
let since;

before(async () => (world = await World.start()));
after(() => world.stop());
beforeEach(async () => {
  await world.fresh();
  world.pages = {};
  since = await world.ledger();
});

const track = (page, from, to) =>
  page.evaluate(
    ([from, to]) => {
      for (let n = from; n < to; n++) sillage.track("Product Viewed", { n });
    },
    [from, to],
  );

/** Every number from 0 to `count` arrived, once in effect, and both ledgers say so. */
const arrived = async (count, { installs = 1 } = {}) => {
  const came = () => world.events().filter(({ event }) => event === "Product Viewed");
  await until(`${count} events`, () => came().length >= count).catch(async (error) => {
    throw new Error(`${error.message}, but ${came().length}: ${await world.state()}`);
  });
  const numbers = world
    .events()
    .filter(({ event }) => event === "Product Viewed")
    .map(({ properties }) => properties.n);
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    Array.from({ length: count }, (_, n) => n),
  );
  const ledger = await until("the ledger to be even", async () => {
    const ledger = await world.ledger(since);
    return ledger.pending === 0 && ledger.received === world.events().length && ledger;
  });
  const { created, received, lost, surplus } = ledger;
  assert.deepEqual(
    { created, received, lost, surplus, installs: ledger.installs },
    { created: received, received, lost: 0, surplus: 0, installs },
  );
};

test("what a page tracks arrives, without a preflight, compressed, and is settled", async () => {
  const page = await world.open();
  await track(page, 0, 30);
  assert.equal(await page.evaluate(() => sillage.flush()), true);
  await arrived(30);
  const ledger = await page.evaluate(() => sillage.ledger());
  assert.deepEqual(ledger, {
    created: 30,
    acknowledged: 30,
    pending: 0,
    rejected: {},
    dropped: {},
    unsure: {},
  });
  assert.ok(world.requests.every(({ method, headers }) => method === "POST" && !headers["x-write-key"]));
});

test("a page whose policy forbids WebAssembly loads the same core as JavaScript, and nothing else is missing", async () => {
  const policy = `default-src 'none'; script-src ${world.api}; connect-src ${world.api}; report-uri /report`;
  world.pages["/strict"] = { headers: { "content-security-policy": policy } };
  const page = await world.context.newPage();
  const loaded = [];
  page.on("response", (response) => loaded.push(new URL(response.url()).pathname.split("/").at(-1)));
  await page.goto(`${world.origin}/strict`);
  await page.waitForFunction(() => "sillage" in window && "track" in window.sillage);
  await track(page, 0, 25);
  assert.equal(await page.evaluate(() => sillage.flush(15_000)), true);
  await arrived(25);
  assert.ok(loaded.includes("core.js"), `${loaded}`);
});

test("a page that may use WebAssembly never loads the other form", async () => {
  const page = await world.context.newPage();
  const loaded = [];
  page.on("request", (request) => loaded.push(new URL(request.url()).pathname.split("/").at(-1)));
  await page.goto(world.origin);
  await page.waitForFunction(() => "sillage" in window && "track" in window.sillage);
  await track(page, 0, 1);
  await page.evaluate(() => sillage.flush());
  assert.ok(loaded.includes("core.wasm") && !loaded.includes("core.js"), `${loaded}`);
  await arrived(1);
});

test("a core that cannot be loaded is asked for again, and nothing is lost meanwhile", async () => {
  let tries = 0;
  world.fate = ({ path }) => (/core\.(wasm|js)$/.test(path) && ++tries < 4 ? 503 : "pass");
  const page = await world.open();
  await track(page, 0, 12);
  await arrived(12);
  assert.ok(tries >= 4, `${tries} tries`);
});

test("three tabs are one installation, also when the one that leads is closed", async () => {
  const tabs = [await world.open(), await world.open(), await world.open()];
  await Promise.all(tabs.map((page, index) => track(page, index * 40, index * 40 + 40)));
  await tabs[0].close();
  await Promise.all(tabs.slice(1).map((page, index) => track(page, 120 + index * 40, 160 + index * 40)));
  await tabs[1].close();
  await track(tabs[2], 200, 210);
  assert.equal(await tabs[2].evaluate(() => sillage.flush(15_000)), true);
  await arrived(210);
  const devices = new Set(world.events().map(({ anonymousId }) => anonymousId));
  assert.equal(devices.size, 1);
});

test("a tab that only follows may go without the others losing the one that leads", async () => {
  const tabs = [await world.open(), await world.open(), await world.open()];
  await track(tabs[2], 0, 3);
  assert.equal(await tabs[2].evaluate(() => sillage.flush(10_000)), true);
  await tabs[1].goto("about:blank");
  await track(tabs[2], 3, 6);
  assert.equal(await tabs[2].evaluate(() => sillage.flush(10_000)), true);
  await arrived(6);
});

test("a tab that is killed while its batch is on the way loses nothing", async () => {
  const page = await world.open();
  world.fate = ({ method }) => (method === "POST" ? "lost" : "pass");
  await track(page, 0, 60);
  await until("a try", () => world.requests.length > 0);
  const session = await world.context.newCDPSession(page);
  const crashed = page.waitForEvent("crash");
  void session.send("Page.crash").catch(() => {});
  await crashed;
  world.fate = () => "pass";
  const again = await world.open();
  await track(again, 60, 70);
  assert.equal(await again.evaluate(() => sillage.flush(15_000)), true);
  await arrived(70);
});

test("what was tracked without a network is delivered by a later visit", async () => {
  await world.context.newPage(); // a context ends with its last page
  const page = await world.open();
  await page.evaluate(() => sillage.flush()); // its core is there
  await world.context.setOffline(true);
  world.fate = () => "down"; // the browser's offline mode lets beacons of ended pages pass
  await track(page, 0, 50);
  await until("the store to have it", () =>
    page.evaluate(async () => (await sillage.ledger()).pending === 50),
  );
  await page.evaluate(() => sillage.flush(300));
  await page.goto("about:blank");
  await page.close();
  assert.equal(world.events().length, 0);
  world.fate = () => "pass";
  await world.context.setOffline(false);
  const later = await world.open();
  assert.equal(await later.evaluate(() => sillage.flush(15_000)), true);
  await arrived(50);
});

test("a network that comes back is used", async () => {
  const page = await world.open();
  await page.evaluate(() => sillage.flush());
  await world.context.setOffline(true);
  await track(page, 0, 5);
  await until("the store to have it", () =>
    page.evaluate(async () => (await sillage.ledger()).pending === 5),
  );
  await world.context.setOffline(false);
  await arrived(5);
});

test("a collector that is down, then overloaded, then killed gets every event once", async () => {
  const page = await world.open();
  // The core has to be there: it comes from the same place.
  await page.evaluate(() => sillage.flush());
  world.fate = () => "down";
  await track(page, 0, 20);
  await until("two tries", () => world.requests.length > 1);
  world.fate = () => 503;
  await until("a refused try", () => world.requests.some(({ fate }) => fate === 503));
  world.fate = () => "lost";
  await until("a try that arrives", () => world.requests.some(({ status }) => status === 200));
  await world.collector.kill();
  await track(page, 20, 40);
  await world.collector.start();
  world.fate = () => "pass";
  assert.equal(await page.evaluate(() => sillage.flush(15_000)), true);
  await arrived(40);
});

test("a browser without room for anything still delivers", async () => {
  const page = await world.context.newPage();
  const session = await world.context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: world.origin, quotaSize: 1 });
  await page.goto(world.origin);
  await page.waitForFunction(() => "sillage" in window && "track" in window.sillage);
  await page.evaluate(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await track(page, 0, 30);
  await page.evaluate(() => sillage.flush(15_000));
  await arrived(30);
  const stored = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const request = indexedDB.open("sillage:wk_web");
        request.onerror = () => resolve(0);
        request.onsuccess = () => {
          const { result } = request;
          if (!result.objectStoreNames.length) return resolve(0);
          result.transaction("records").objectStore("records").count().onsuccess = ({ target }) =>
            resolve(target.result);
        };
      }),
  );
  assert.equal(stored, 0, "there was room after all");
});

test("a page that is left at once has said what it tracked last", async () => {
  const page = await world.open();
  await page.evaluate(() => sillage.flush());
  await page.evaluate(() => {
    for (let n = 0; n < 10; n++) sillage.track("Product Viewed", { n });
    location.href = "/next";
  });
  await page.waitForURL("**/next");
  await arrived(10);
});

test("a page that is left before the core is there speaks for it, and its events count once", async () => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  world.fate = ({ path }) => (path.endsWith("core.wasm") ? held.then(() => "pass") : "pass");
  const page = await world.open();
  await track(page, 0, 8);
  await page.evaluate(() => sillage.identify("u-1", { plan: "pro" }));
  await page.goto(`${world.origin}/next`);
  await until("the beacon", () => world.requests.some(({ status }) => status === 200));
  assert.equal(world.events().length, 9);
  release();
  await page.waitForFunction(() => "track" in window.sillage);
  await until("the core to have them", () =>
    page.evaluate(async () => (await sillage.ledger()).acknowledged === 9),
  );
  await arrived(8);
  assert.equal(world.events().find(({ type }) => type === "identify").userId, "u-1");
});

test("a page that comes back from the back/forward cache goes on", async () => {
  world.pages["/other"] = { head: "" };
  const page = await world.open();
  await page.evaluate(() => (window.kept = true));
  await track(page, 0, 3);
  await page.goto(`${world.origin}/other`);
  await page.goBack({ waitUntil: "commit" });
  await page.waitForFunction(() => "track" in window.sillage);
  assert.equal(await page.evaluate(() => window.kept), true, "the page was loaded anew");
  await track(page, 3, 6);
  assert.equal(await page.evaluate(() => sillage.flush(15_000)), true);
  await arrived(6);
});

test("more than a browser sends at a page's end is sent by the next page", async () => {
  const page = await world.open();
  await page.evaluate(() => {
    const text = "x".repeat(1_000);
    for (let n = 0; n < 150; n++) sillage.track("Product Viewed", { n, text });
    location.href = "/next";
  });
  await page.waitForURL("**/next");
  await page.waitForFunction(() => "track" in window.sillage);
  await page.evaluate(() => sillage.flush(15_000));
  await arrived(150);
});
