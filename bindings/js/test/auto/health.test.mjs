// What has to be asked for: web vitals and uncaught errors.
import assert from "node:assert/strict";
import test from "node:test";
import { heard, recordListeners, said, settle, show, site } from "./site.mjs";

const world = site();
const only = (name) => ({
  clicks: false,
  scroll: false,
  engagement: false,
  forms: false,
  links: false,
  shares: false,
  video: false,
  [name]: true,
});

test("neither is measured unless it is asked for", async () => {
  const page = await world.open("<p>", {}, { prepare: recordListeners });
  await heard(page, "Page Viewed");
  await page.evaluate(() =>
    setTimeout(() => {
      throw new Error("x");
    }),
  );
  await settle(page);
  await show(page, false);
  assert.deepEqual(
    (await said(page)).map(({ event }) => event),
    ["Page Viewed", "Page Left"],
  );
});

test("loading, answering and shifting are measured when the page is first left", async () => {
  world.serve("/next", "<p>", false);
  const page = await world.open(
    `<h1>largest</h1><button>b</button><p id=low>low</p><script>
    document.querySelector("button").onclick = () => {
      const end = performance.now() + 120;
      while (performance.now() < end);
    };</script>`,
    only("vitals"),
  );
  await heard(page, "Page Viewed");
  // A shift counts only when no input was shortly before it.
  await page.evaluate(
    () =>
      new Promise((done) => {
        new PerformanceObserver(() => done()).observe({ type: "layout-shift" });
        document.querySelector("h1").style.marginTop = "200px";
      }),
  );
  await page.click("button");
  await page.evaluate(
    () =>
      new Promise((done) =>
        new PerformanceObserver((list, self) => self.disconnect(done())).observe({
          type: "event",
          durationThreshold: 40,
          buffered: true,
        }),
      ),
  );
  const [fcp, ttfb] = await page.evaluate(() => [
    performance.getEntriesByName("first-contentful-paint")[0].startTime,
    performance.getEntriesByType("navigation")[0].responseStart,
  ]);
  await page.goto(`${world.origin}/next`);
  const [vitals, ...more] = (await said(page, "Web Vitals Measured")).map(({ properties }) => properties);
  assert.deepEqual(more, []);
  assert.equal(vitals.fcp_ms, Math.round(fcp));
  assert.equal(vitals.ttfb_ms, Math.round(ttfb));
  assert.ok(vitals.lcp_ms >= vitals.fcp_ms, JSON.stringify(vitals));
  assert.ok(vitals.inp_ms >= 112 && vitals.inp_ms < 2_000, JSON.stringify(vitals));
  assert.ok(vitals.cls > 0 && vitals.cls < 1, JSON.stringify(vitals));
  assert.equal(vitals.view_id, (await said(page, "Page Viewed"))[0].properties.view_id);
});

test("a route measures only what happened in it, and each view is measured once", async () => {
  const page = await world.open("<h1>h</h1>", only("vitals"), { prepare: recordListeners });
  await heard(page, "Page Viewed");
  for (const isShown of [false, true, false, true]) await show(page, isShown);
  await page.evaluate(() => history.pushState(0, "", "/b"));
  await heard(page, "Page Viewed", 2);
  await show(page, false);
  const [first, second, ...more] = (await said(page, "Web Vitals Measured")).map(({ properties }) => properties);
  assert.deepEqual(more, []);
  assert.ok("ttfb_ms" in first && !("ttfb_ms" in second) && !("lcp_ms" in second));
  assert.equal(second.cls, 0);
});

test("an uncaught error says what and where, without what follows a question mark", async () => {
  const page = await world.open(
    `<script>function outer() { inner(); }\nfunction inner() { throw new TypeError("boom"); }
    //# sourceURL=https://x.example/app.js?key=1\n</script>`,
    only("errors"),
  );
  await heard(page, "Page Viewed");
  await page.evaluate(() => setTimeout("outer()"));
  const [{ stack, ...crash }] = await heard(page, "Application Crashed");
  assert.deepEqual(crash, {
    message: "Uncaught TypeError: boom",
    source: "https://x.example/app.js",
    line: 2,
    column: 26,
  });
  assert.match(stack, /^TypeError: boom\n\s+at inner \(https:\/\/x\.example\/app\.js:2:26\)/);
  assert.ok(!stack.includes("?"));
});

test("a rejection that nobody handles is an error too", async () => {
  const page = await world.open("<p>", only("errors"));
  await heard(page, "Page Viewed");
  await page.evaluate(() => {
    Promise.reject(new Error("no"));
  });
  await page.evaluate(() => {
    Promise.reject("text");
  });
  const crashes = await heard(page, "Application Crashed", 2);
  assert.deepEqual(
    crashes.map(({ message }) => message),
    ["no", "text"],
  );
});

test("an error is told once a view, and at most ten are; what does not load is none", async () => {
  const page = await world.open("<img src=/none.png>", only("errors"));
  await heard(page, "Page Viewed");
  const throwAll = () =>
    page.evaluate(() => {
      const fail = (n) => reportError(new Error(`number ${n}`));
      for (let n = 0; n < 15; n++) for (let again = 0; again < 2; again++) fail(n);
    });
  await throwAll();
  await settle(page);
  assert.deepEqual(
    (await said(page, "Application Crashed")).map(({ properties }) => properties.message.match(/number \d+/)[0]),
    Array.from({ length: 10 }, (_, n) => `number ${n}`),
  );
  await page.evaluate(() => history.pushState(0, "", "/b"));
  await heard(page, "Page Viewed", 2);
  await throwAll();
  assert.equal((await said(page, "Application Crashed")).length, 20);
});

test("a stack has at most 2 KiB", async () => {
  const page = await world.open("<p>", only("errors"));
  await heard(page, "Page Viewed");
  await page.evaluate(() => {
    Error.stackTraceLimit = 1_000;
    const deep = (n) => {
      if (n) deep(n - 1);
      else throw new Error("deep");
    };
    setTimeout(() => deep(500));
  });
  const [{ stack }] = await heard(page, "Application Crashed");
  assert.equal(stack.length, 2_048);
});
