// Page views: what counts as one, and what of an address may be told.
import assert from "node:assert/strict";
import test from "node:test";
import { heard, recordListeners, said, settle, show, site } from "./site.mjs";

const world = site();
const only = (...names) => ({
  clicks: false,
  scroll: false,
  engagement: false,
  forms: false,
  links: false,
  shares: false,
  video: false,
  ...Object.fromEntries(names.map((name) => [name, true])),
});
const path = ({ path }) => path;

test("a page is viewed once, with where it is and where the visitor came from", async () => {
  const page = await world.open("<p>", only(), {
    path: "/shop",
    referer: "http://news.example/a?token=s3cret&utm_source=n#x",
  });
  const [view, ...more] = await heard(page, "Page Viewed");
  assert.deepEqual(more, []);
  const { view_id, ...rest } = view;
  assert.match(view_id, /^\w{6,}$/);
  assert.deepEqual(rest, {
    url: `${world.origin}/shop`,
    path: "/shop",
    search: "",
    title: "/shop",
    referrer: rest.referrer,
  });
  assert.match(rest.referrer, /^http:\/\/news\.example\/(a\?utm_source=n)?$/);
});

test("the context names the page before the view is sent and for all that follows", async () => {
  const page = await world.open("<button>b</button>", only("clicks"), { path: "/c" });
  const [view] = await heard(page, "Page Viewed").then(() => said(page));
  const { view_id, ...where } = view.properties;
  assert.deepEqual(view.context.page, where);
  await page.click("button");
  const [click] = await said(page, "Element Clicked");
  assert.deepEqual(click.context.page, where);
});

test("of a query only campaigns, click ids and wanted names are told, and no fragment", async () => {
  const page = await world.open(
    "<p>",
    { ...only(), query: ["q"] },
    { path: "/?utm_source=mail&email=a@b.c&gclid=g1&q=shoes&session=1&fbclid=f1#access_token=t" },
  );
  const [{ url, search }] = await heard(page, "Page Viewed");
  assert.equal(search, "?utm_source=mail&gclid=g1&q=shoes&fbclid=f1");
  assert.equal(url, `${world.origin}/${search}`);
  await page.evaluate(() => history.pushState(0, "", "/next?msclkid=m&x=1"));
  const [, next] = await heard(page, "Page Viewed", 2);
  assert.equal(next.search, "?msclkid=m");
});

test("each known click id and no other parameter of its kind is kept", async () => {
  const ids = [
    "gclid",
    "gbraid",
    "wbraid",
    "dclid",
    "fbclid",
    "msclkid",
    "ttclid",
    "twclid",
    "li_fat_id",
    "yclid",
    "epik",
    "sc_click_id",
    "rdt_cid",
  ];
  const page = await world.open("<p>", only(), {
    path: `/?${[...ids, "userid", "sid", "clidx", "id"].map((id) => `${id}=1`).join("&")}`,
  });
  const [{ search }] = await heard(page, "Page Viewed");
  assert.equal(search, `?${ids.map((id) => `${id}=1`).join("&")}`);
});

test("a campaign stays with the visit's later views, and a click id says which network", async () => {
  const page = await world.open("<p>", only(), {
    path: "/?utm_source=s&utm_medium=m&utm_campaign=c&utm_term=t&utm_content=o&utm_id=i&gclid=g",
  });
  await heard(page, "Page Viewed");
  await page.evaluate(() => history.pushState(0, "", "/later"));
  await heard(page, "Page Viewed", 2);
  for (const { context } of await said(page)) {
    assert.deepEqual(context.campaign, { source: "s", medium: "m", name: "c", term: "t", content: "o", id: "i" });
    assert.deepEqual(context.referrer, { type: "gclid", id: "g" });
  }
  await page.evaluate(() => history.pushState(0, "", "/other?utm_source=z"));
  await heard(page, "Page Viewed", 3);
  const { context } = (await said(page)).at(-1);
  assert.deepEqual([context.campaign, context.referrer], [{ source: "z" }, undefined]);
});

test("a route is a view with an id of its own, its settled title, and the route before as its referrer", async () => {
  const page = await world.open("<p>", only());
  await heard(page, "Page Viewed");
  await page.evaluate(() => {
    history.pushState(0, "", "/a");
    setTimeout(() => {
      document.title = "A";
    }, 20);
  });
  await heard(page, "Page Viewed", 2);
  await page.evaluate(() => history.replaceState(0, "", "/b"));
  await heard(page, "Page Viewed", 3);
  await page.evaluate(() => history.back());
  const views = await heard(page, "Page Viewed", 4);
  assert.deepEqual(views.map(path), ["/", "/a", "/b", "/"]);
  assert.equal(views[1].title, "A");
  assert.deepEqual(
    views.slice(1).map(({ referrer }) => new URL(referrer).pathname),
    ["/", "/a", "/b"],
  );
  assert.equal(new Set(views.map(({ view_id }) => view_id)).size, 4);
});

test("a route to the same place, or that only changes what is not told, is no view", async () => {
  const page = await world.open("<p>", only());
  await heard(page, "Page Viewed");
  await page.evaluate(() => {
    history.pushState(0, "", location.href);
    history.replaceState(0, "", "/?typed=sho");
    location.hash = "#top";
    history.pushState(0, "", "/end");
  });
  assert.deepEqual((await heard(page, "Page Viewed", 2)).map(path), ["/", "/end"]);
});

test("a route that leads on at once was not viewed", async () => {
  const page = await world.open("<p>", only());
  await heard(page, "Page Viewed");
  await page.evaluate(() => {
    history.pushState(0, "", "/login");
    history.replaceState(0, "", "/home");
  });
  const views = await heard(page, "Page Viewed", 2);
  assert.deepEqual(views.map(path), ["/", "/home"]);
  assert.equal(views[1].referrer, `${world.origin}/`);
});

test("fragments are routes only if asked for, and never with parameters", async () => {
  const page = await world.open("<p>", { ...only(), hash: true }, { path: "/#/one?token=x" });
  await heard(page, "Page Viewed");
  await page.evaluate(() => {
    location.hash = "#/two";
  });
  await heard(page, "Page Viewed", 2);
  await page.evaluate(() => {
    location.hash = "#access_token=secret";
  });
  const views = await heard(page, "Page Viewed", 3);
  assert.deepEqual(views.map(path), ["/#/one", "/#/two", "/#access_token"]);
});

test("who leaves before the title has settled was here all the same", async () => {
  world.serve("/second", "<p>", false);
  const page = await world.open("<p>", only("engagement"), { clock: true });
  assert.deepEqual(await said(page), []);
  await page.goto(`${world.origin}/second`);
  assert.deepEqual(
    (await said(page)).map(({ event }) => event),
    ["Page Viewed", "Page Left"],
  );
});

test("a page that comes back from the browser's cache is a new view of the same page", async () => {
  world.serve("/away", "<p>", false);
  const page = await world.open("<p>", only("engagement"), { referer: "http://news.example/" });
  const [first] = await heard(page, "Page Viewed");
  await page.evaluate(() => {
    window.isSame = true;
  });
  await page.goto(`${world.origin}/away`);
  await page.goBack({ waitUntil: "commit" });
  assert.ok(await page.evaluate(() => window.isSame), "the page was kept");
  const [, second] = await heard(page, "Page Viewed", 2);
  assert.notEqual(second.view_id, first.view_id);
  assert.deepEqual({ ...second, view_id: 0 }, { ...first, view_id: 0 });
  assert.deepEqual(
    (await said(page)).map(({ event }) => event),
    ["Page Viewed", "Page Left", "Page Viewed"],
  );
});

test("a page that is rendered ahead is viewed when it is shown", async () => {
  // The state is made up: a browser under automation does not render ahead.
  const page = await world.open("<p>", only(), {
    prepare: `(${recordListeners})();
    Object.defineProperty(document, "prerendering", { value: true });`,
  });
  await settle(page);
  await page.evaluate(() => history.pushState(0, "", "/ahead"));
  assert.deepEqual(await page.evaluate(() => Object.keys(listeners)), ["prerenderingchange"]);
  await page.evaluate(() => listeners.prerenderingchange[0]({ isTrusted: true }));
  assert.deepEqual((await heard(page, "Page Viewed")).map(path), ["/ahead"]);
});

test("without page views the context still names the page", async () => {
  const page = await world.open("<button>b</button>", { ...only("clicks"), pages: false }, { path: "/quiet" });
  await page.click("button");
  const all = await said(page);
  assert.deepEqual(
    all.map(({ event }) => event),
    ["Element Clicked"],
  );
  assert.equal(all[0].context.page.path, "/quiet");
});

test("a view that is hidden and shown again stays the same view", async () => {
  const page = await world.open("<p>", only("engagement"), { prepare: recordListeners });
  const [{ view_id }] = await heard(page, "Page Viewed");
  for (const isShown of [false, true, false]) await show(page, isShown);
  const lefts = await heard(page, "Page Left", 2);
  assert.deepEqual(
    lefts.map((left) => left.view_id),
    [view_id, view_id],
  );
  assert.equal((await said(page, "Page Viewed")).length, 1);
});
