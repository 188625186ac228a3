// Who the visitor is, what the visitor allowed, and what the visitor is shown.
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import { KEY, World, tag, until } from "./world.mjs";

let world;

const buyers = `
[[project.segment]]
key = "hot-cart"
name = "Panier chaud"
public = true
when = 'exists("Product Added" within 1h) and not exists("Order Completed" within 1h)'
[[project.segment]]
key = "pro"
name = "Pro"
public = true
when = 'trait.plan == "pro"'
`;

before(async () => {
  world = await World.start({ rules: buyers, args: ["--host-resolver-rules=MAP *.shop.test 127.0.0.1"] });
});
after(() => world.stop());
beforeEach(async () => {
  await world.fresh();
  world.pages = {};
});

/** Everything that a page's origin keeps. */
const kept = (page) =>
  page.evaluate(async () => ({
    cookies: document.cookie,
    storage: Object.keys(localStorage).length + Object.keys(sessionStorage).length,
    databases: (await indexedDB.databases()).length,
  }));
const nothing = { cookies: "", storage: 0, databases: 0 };

const names = () => world.events().map(({ event }) => event);

test("until consent is given nothing is kept or sent; then all of it arrives, and goes when it is withdrawn", async () => {
  world.pages["/"] = { head: tag(world, 'data-auto=false data-consent="analytics"') };
  const page = await world.open();
  await page.evaluate(() => sillage.track("Before"));
  await page.evaluate(() => sillage.flush(400));
  assert.deepEqual(await kept(page), nothing);
  assert.equal(world.requests.length, 0);
  await page.evaluate(() => sillage.consent({ analytics: true }));
  assert.equal(await page.evaluate(() => sillage.flush()), true);
  assert.deepEqual(names(), ["Before"]);
  assert.equal(world.events()[0].context.consent.categoryPreferences.analytics, true);
  assert.notDeepEqual(await kept(page), nothing);
  const later = await world.open();
  await later.evaluate(() => sillage.track("Remembered"));
  assert.equal(await later.evaluate(() => sillage.flush()), true);
  assert.deepEqual(names(), ["Before", "Remembered"]);
  await later.evaluate(() => sillage.consent({ analytics: false }));
  await later.evaluate(() => sillage.track("After"));
  await until(
    "everything to be gone",
    async () => JSON.stringify(await kept(later)) === JSON.stringify(nothing),
  );
  await later.evaluate(() => sillage.flush(400));
  assert.deepEqual(names(), ["Before", "Remembered"]);
});

test("a page left before consent was given has kept and sent nothing", async () => {
  world.pages["/"] = { head: tag(world, 'data-auto=false data-consent="analytics"') };
  const page = await world.open();
  await page.evaluate(() => sillage.track("Before"));
  await page.goto(`${world.origin}/`);
  assert.deepEqual(await kept(page), nothing);
  assert.equal(world.requests.length, 0);
});

test("Google's consent mode answers for the person, and an open default is no answer", async () => {
  world.pages["/"] = {
    head:
      `<script>dataLayer=[];function gtag(){dataLayer.push(arguments)}
    gtag("consent","default",{analytics_storage:"denied",ad_storage:"denied"})</script>` +
      tag(world, 'data-auto=false data-google-consent data-consent="analytics_storage"'),
  };
  const page = await world.open();
  await page.evaluate(() => sillage.track("Waits"));
  await page.evaluate(() => sillage.flush(400));
  assert.equal(world.requests.length, 0);
  await page.evaluate(() =>
    gtag("consent", "update", { analytics_storage: "granted", ad_storage: "denied" }),
  );
  assert.equal(await page.evaluate(() => sillage.flush()), true);
  assert.deepEqual(world.events()[0].context.consent.categoryPreferences, {
    analytics_storage: true,
    ad_storage: false,
  });
  assert.equal(await page.evaluate(() => dataLayer.length), 2);
});

test("a TCF platform answers for the person", async () => {
  world.pages["/"] = {
    head:
      `<script>heard=[];__tcfapi=(c,v,f)=>{heard.push(f);f({eventStatus:"cmpuishown",gdprApplies:true},true)}</script>` +
      tag(world, 'data-auto=false data-tcf data-consent="tcf_1,tcf_8"'),
  };
  const page = await world.open();
  await page.evaluate(() => sillage.track("Waits"));
  await page.evaluate(() => sillage.flush(400));
  assert.equal(world.requests.length, 0);
  await page.evaluate(() =>
    heard[0](
      { eventStatus: "useractioncomplete", gdprApplies: true, purpose: { consents: { 1: true, 8: true } } },
      true,
    ),
  );
  assert.equal(await page.evaluate(() => sillage.flush()), true);
  const { tcf_1, tcf_2, tcf_8 } = world.events()[0].context.consent.categoryPreferences;
  assert.deepEqual([tcf_1, tcf_2, tcf_8], [true, false, true]);
});

test("a browser that says so is recorded, or left alone where the site honours it", async () => {
  for (const [path, data] of [
    ["/", ""],
    ["/honoured", "data-gpc=deny"],
  ]) {
    world.pages[path] = {
      head:
        `<script>Object.defineProperty(Navigator.prototype,"globalPrivacyControl",{value:true})</script>` +
        tag(world, `data-auto=false ${data}`),
    };
  }
  const page = await world.open("/");
  await page.evaluate(() => sillage.track("Recorded"));
  assert.equal(await page.evaluate(() => sillage.flush()), true);
  assert.equal(world.events()[0].context.gpc, true);
  await world.fresh();
  const honoured = await world.open("/honoured");
  await honoured.evaluate(() => sillage.track("Refused"));
  await honoured.evaluate(() => sillage.flush(400));
  assert.equal(world.requests.length, 0);
  assert.deepEqual(await kept(honoured), nothing);
});

test("a device is the same in the next visit and on a subdomain, and another after reset", async () => {
  const { port } = new URL(world.origin);
  const id = async (host) => {
    const page = await world.context.newPage();
    await page.goto(`http://${host}:${port}/`);
    await page.waitForFunction(() => "track" in window.sillage);
    await page.evaluate(() => sillage.track("Seen"));
    await page.evaluate(() => sillage.flush());
    return [await page.evaluate(() => sillage.anonymousId()), page];
  };
  const [first] = await id("www.shop.test");
  const [second] = await id("blog.shop.test");
  assert.match(first, /^[0-9a-f-]{36}$/);
  assert.equal(second, first);
  const [again, page] = await id("www.shop.test");
  assert.equal(again, first);
  await page.evaluate(() => sillage.reset());
  await page.evaluate(() => sillage.track("Other"));
  await page.evaluate(() => sillage.flush());
  const other = await page.evaluate(() => sillage.anonymousId());
  assert.notEqual(other, first);
  assert.equal((await id("blog.shop.test"))[0], other);
});

test("without identity nothing is kept, and what is tracked still arrives", async () => {
  world.pages["/"] = { head: tag(world, "data-auto=false data-identity=none") };
  const page = await world.open();
  await page.evaluate(() => sillage.track("Seen"));
  assert.equal(await page.evaluate(() => sillage.flush()), true);
  assert.deepEqual(await kept(page), nothing);
  await page.evaluate(() => {
    sillage.track("Left");
    location.href = "/next";
  });
  await until("the last event", () => names().includes("Left"));
});

test("segments come with the answer to the very event, to every tab, and are there at once in the next visit", async () => {
  const [page, other] = [await world.open(), await world.open()];
  await other.evaluate(() => {
    window.heard = [];
    sillage.onSegmentsChanged((segments) => heard.push([...segments]));
  });
  await page.evaluate(() => sillage.track("Product Added"));
  await page.evaluate(() => sillage.flush());
  assert.deepEqual(await page.evaluate(() => sillage.segments()), ["hot-cart"]);
  await until("the other tab to hear", () => other.evaluate(() => heard.length));
  assert.deepEqual(await other.evaluate(() => heard), [["hot-cart"]]);
  await page.evaluate(() => sillage.identify("u-9", { plan: "pro" }));
  await page.evaluate(() => sillage.flush());
  assert.deepEqual(await page.evaluate(() => sillage.segments()), ["hot-cart", "pro"]);
  world.fate = ({ method }) => (method === "POST" ? "down" : "pass");
  const next = await world.open();
  assert.deepEqual(await next.evaluate(() => sillage.segments()), ["hot-cart", "pro"]);
  await next.evaluate(() => sillage.reset());
  await until("nobody to be known", () => next.evaluate(() => sillage.segments().length === 0));
});

test("calls before the tag keep their moment and their place", async () => {
  world.pages["/early"] = {
    head:
      `<script src="${world.api}/v/0.1.0/stub.js"></script><script>sillage("track","Early",{n:1});
    history.pushState({},"","/later");document.title="Later"</script>` + tag(world),
  };
  let release;
  const held = new Promise((resolve) => (release = resolve));
  world.fate = ({ path }) => (path === "/tag.js" ? held.then(() => "pass") : "pass");
  const page = await world.context.newPage();
  await page.goto(`${world.origin}/early`, { waitUntil: "commit" });
  await page.waitForFunction(() => window.sillage?.q?.length);
  const before = Date.now();
  await page.waitForTimeout(300);
  release();
  await page.waitForFunction(() => "track" in window.sillage);
  await page.evaluate(() => sillage("track", "Late"));
  assert.equal(await page.evaluate(() => sillage.flush()), true);
  const [early, late] = world.events();
  assert.equal(early.event, "Early");
  assert.ok(new URL(early.context.page.url).pathname === "/early" && early.context.page.title === "Shop");
  assert.ok(Date.parse(early.timestamp) <= before, `${early.timestamp} is when the tag came`);
  assert.equal(late.event, "Late");
});

test("a queue as Tag Manager makes it is taken up", async () => {
  world.pages["/"] = {
    head: `<script>sillage=function(){(sillage.q=sillage.q||[]).push(arguments)};
    sillage("init",{key:"${KEY}",api:"${world.api}",auto:false});sillage("track","Queued",{n:1})</script>
    <script defer src="${world.api}/tag.js"></script>`,
  };
  const page = await world.open();
  assert.equal(await page.evaluate(() => sillage.flush()), true);
  assert.deepEqual(names(), ["Queued"]);
});

test("no call throws, and what is none is counted", async () => {
  const page = await world.open();
  await page.evaluate(() => {
    const circle = {};
    circle.self = circle;
    sillage.track("Circle", circle);
    sillage.track("");
    sillage.track(undefined);
    sillage.track("Big", { n: 1n });
    sillage.track("Good", { at: new Date(0), none: undefined, fun() {} });
    sillage.identify(undefined);
  });
  assert.equal(await page.evaluate(() => sillage.flush()), true);
  const ledger = await page.evaluate(() => sillage.ledger());
  assert.equal(ledger.created, 6 + 0 * ledger.pending);
  assert.deepEqual(names().filter(Boolean), ["Good"]);
  assert.equal(ledger.dropped.invalid, 4);
});
