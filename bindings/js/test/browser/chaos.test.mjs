// A visitor with several tabs, whose tabs are closed, killed and left at any moment, on a network and with a
// collector that fail in every way. In the end each event is there once, and the ledger is exact.
// SILLAGE_WEB_STEPS sets how long it goes on, SILLAGE_WEB_SEED what happens.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { World, until } from "./world.mjs";

const steps = Number(process.env.SILLAGE_WEB_STEPS ?? 120);
const seed = Number(process.env.SILLAGE_WEB_SEED ?? 1);

/** How long a call may take to be in good hands, in ms, on a machine that does other things too. */
const HANDED_OVER_MS = 1_500;

let world;
before(async () => (world = await World.start()));
after(() => world.stop());

/** The minimal standard generator of Park and Miller (1988). */
const generator = (seed) => {
  let state = (seed % 2_147_483_646) + 1;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
};

test(`each event arrives once, whatever happens (seed ${seed}, ${steps} steps)`, async (t) => {
  const random = generator(seed);
  const anchor = await world.context.newPage(); // a context ends with its last page
  const tabs = [];
  const tracked = [];
  const done = {};
  const story = [];
  const count = (what) => (done[what] = (done[what] ?? 0) + 1);
  const fates = ["pass", "pass", "pass", "lost", "down", 503, 429, 502];
  world.fate = ({ method }) => (method === "POST" ? fates[random(fates.length)] : "pass");

  const open = async () => {
    const page = await world.open(`/${random(5)}`);
    page.on("crash", () => {});
    tabs.push(page);
  };
  const track = async (page) => {
    const from = tracked.length;
    const numbers = Array.from({ length: 1 + random(15) }, (_, index) => from + index);
    const calls = numbers.map((n) => ({ n, page, at: Date.now() }));
    tracked.push(...calls);
    const id = await page.evaluate((numbers) => {
      for (const n of numbers) sillage.track("Product Viewed", { n });
      return id;
    }, numbers);
    for (const call of calls) call.id = `${id}`;
  };
  const actions = {
    track: async (page) => track(page),
    trackAndLeave: async (page) => {
      await track(page);
      await page.goto(`${world.origin}/${random(5)}`);
      await page.waitForFunction(() => "track" in window.sillage);
    },
    trackAndClose: async (page) => {
      await track(page);
      tabs.splice(tabs.indexOf(page), 1);
      await page.goto("about:blank");
      await page.close();
    },
    kill: async (page) => {
      tabs.splice(tabs.indexOf(page), 1);
      const session = await world.context.newCDPSession(page);
      const crashed = page.waitForEvent("crash");
      void session.send("Page.crash").catch(() => {});
      await crashed;
      for (const one of tracked)
        if (one.page === page && Date.now() - one.at < HANDED_OVER_MS) one.mayBeLost = true;
      await page.close();
    },
    back: async (page) => {
      await page.goto(`${world.origin}/next/${tracked.length}/${random(1_000)}`); // not where it is already
      await page.goBack({ waitUntil: "commit" });
      await page.waitForFunction(() => "track" in (window.sillage ?? {}));
    },
    open: async () => tabs.length < 4 && (await open()),
    identify: async (page) => page.evaluate((n) => sillage.identify(`u-${n}`), random(3)),
    reset: async (page) => page.evaluate(() => sillage.reset()),
    flush: async (page) => page.evaluate(() => sillage.flush(200)),
    pause: async () => wait(random(400)),
    restartCollector: async () => {
      if (random(4)) return;
      await world.collector.kill();
      await world.collector.start();
    },
  };
  const names = new Map();
  const often = ["track", "track", "track", "trackAndLeave", "pause"];
  const choices = [...Object.keys(actions), ...often, ...often];
  for (let step = 0; step < steps; step++) {
    if (!tabs.length) await open();
    const what = choices[random(choices.length)];
    count(what);
    const page = tabs[random(tabs.length)];
    const [before, from] = [Date.now(), tracked.length];
    const name = (names.has(page) ? names : names.set(page, names.size)).get(page);
    await actions[what](page);
    story.push(
      `${before % 1e6} tab ${name} ${what} ${from === tracked.length ? "" : `${from}–${tracked.length - 1}`}`,
    );
  }
  world.fate = () => "pass";
  if (!tabs.length) await open();
  await until(
    "the last tab to have delivered all",
    () => tabs[0].evaluate(() => sillage.flush(1_000)),
    60_000,
  );
  for (const page of tabs.slice()) await page.close();
  const last = await world.open();
  await until(
    "what was left behind to be delivered",
    () => last.evaluate(() => sillage.flush(1_000)),
    60_000,
  );
  await anchor.close();

  const seen = new Map();
  for (const { event, properties } of world.events())
    if (event === "Product Viewed") seen.set(properties.n, (seen.get(properties.n) ?? 0) + 1);
  // A page that the browser killed before it had heard of its end died like one that was killed.
  const wasTold = ({ id }) => world.left.has(id);
  const lost = tracked.filter((call) => !seen.has(call.n) && !call.mayBeLost && wasTold(call));
  const twice = [...seen].filter(([, times]) => times > 1);
  const died = tracked.filter(({ n }) => !seen.has(n)).length;
  const ledger = await until("the ledger to be even", async () => {
    const ledger = await world.ledger();
    return ledger.pending === 0 && ledger;
  });
  t.diagnostic(
    `${tracked.length} events, ${died} died with a killed tab; ${JSON.stringify(done)}; ${JSON.stringify(ledger)}`,
  );
  if (lost.length)
    t.diagnostic(
      `${story.join("\n")}\n${world.requests
        .map(
          ({ fate, status, body }) =>
            `${body.batch.map(({ properties }) => properties?.n ?? "?")} ${fate} ${status} ${JSON.stringify(body.sillage)}`,
        )
        .join("\n")}`,
    );
  assert.deepEqual(
    lost.map(({ n }) => n),
    [],
  );
  assert.deepEqual(twice, []);
  assert.equal(ledger.received, world.events().length);
  assert.deepEqual([ledger.installs, ledger.lost, ledger.surplus], [1, 0, 0]);
});
