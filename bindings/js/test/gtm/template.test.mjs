import assert from "node:assert/strict";
import test from "node:test";
import { execute, NEEDS, Page, parts, permissions } from "./sandbox.mjs";

const START = { action: "start", key: "wk_1", api: "https://collect.example.com", autoPages: true, autoClicks: false };
const code = parts.SANDBOXED_JS_FOR_WEB_TEMPLATE;
const track = (event, ecommerce, more = {}) =>
  new Page({ layer: { event, ecommerce, ...more } }).run({ action: "ecommerce" }).calls;

test("the file has every part, and those that are JSON are", () => {
  assert.deepEqual(Object.keys(parts), ["INFO", "TEMPLATE_PARAMETERS", "SANDBOXED_JS_FOR_WEB_TEMPLATE",
    "WEB_PERMISSIONS", "TESTS", "NOTES"]);
  assert.equal(JSON.parse(parts.INFO).type, "TAG");
  assert.deepEqual(JSON.parse(parts.INFO).containerContexts, ["WEB"]);
});

test("every function that is required is permitted, and nothing is permitted that is not required", () => {
  const required = [...code.matchAll(/require\('(\w+)'\)/g)].map(([, name]) => name);
  assert.deepEqual(required.filter((name) => !(name in NEEDS)), []);
  const needed = new Set(required.map((name) => NEEDS[name]).filter(Boolean));
  assert.deepEqual(Object.keys(permissions).sort(), [...needed].sort());
});

test("every field that the code reads is one of the template's, and every field is read", () => {
  const fields = (list) => list.flatMap((field) => (field.type === "GROUP" ? fields(field.subParams) : [field.name]));
  const read = new Set([...code.matchAll(/\bdata\.(?!gtmOn)(\w+)/g)].map(([, name]) => name));
  assert.deepEqual(fields(JSON.parse(parts.TEMPLATE_PARAMETERS)).sort(), [...read].sort());
});

test("the code keeps to the language of the sandbox", () => {
  const foreign = /`|\.\.\.|\b(new|this|class|async|await|yield|delete|arguments)\b|\?\?|\?\./;
  const lines = code.replace(/\/\/.*$/gm, "").replace(/'[^']*'/g, "''").split("\n");
  assert.deepEqual(lines.filter((line) => foreign.test(line)), []);
});

test("the tag is started once and loaded from the collector, also from below a path", () => {
  const page = new Page().run({ ...START, api: "https://shop.example/ingest/" });
  page.run({ ...START, api: "https://shop.example/ingest/" });
  assert.deepEqual(page.scripts, [{ url: "https://shop.example/ingest/tag.js", token: "sillage" }]);
  assert.equal(page.calls.length, 1);
  const [[method, settings]] = page.calls;
  assert.equal(method, "init");
  assert.deepEqual([settings.key, settings.api], ["wk_1", "https://shop.example/ingest"]);
  assert.deepEqual([settings.auto.pages, settings.auto.clicks], [true, false]);
  assert.equal(settings.consent, undefined);
  assert.deepEqual(page.outcomes, ["success", "success"]);
});

test("a page that has the snippet, or the tag already, is spoken to and not replaced", () => {
  const heard = [];
  const sillage = Object.assign((...call) => heard.push(call), { q: [] });
  const page = new Page({ page: { sillage } }).run({ action: "event", event: "Signed Up" });
  assert.equal(page.window.sillage, sillage);
  assert.deepEqual(heard, [["track", "Signed Up", {}]]);
});

test("another script than the tag is not permitted", () => {
  const { injectScript } = new Page().api();
  assert.throws(() => injectScript("https://evil.example/other.js", () => {}, () => {}, "x"), /not permitted/);
  assert.throws(() => injectScript("http://collect.example.com/tag.js", () => {}, () => {}, "x"), /not permitted/);
});

test("consent: grants are told at the start, and a denial only when it replaces a grant", () => {
  const consent = [{ type: "analytics_storage", category: "analytics" }, { type: "ad_storage", category: "ads" }];
  const page = new Page({ granted: { analytics_storage: true, ad_storage: false } });
  page.run({ ...START, consent, required: true });
  assert.deepEqual(page.calls[0][1].consent, { required: ["analytics", "ads"] });
  assert.deepEqual(page.calls.slice(1), [["consent", { analytics: true }]]);
  page.answer("ad_storage", true);
  page.answer("ad_storage", true);
  page.answer("analytics_storage", false);
  assert.deepEqual(page.calls.slice(2), [["consent", { ads: true }], ["consent", { analytics: false }]]);
});

test("a category of several consents is granted once all of them are", () => {
  const consent = [{ type: "ad_storage", category: "ads" }, { type: "ad_user_data", category: "ads" }];
  const page = new Page({ granted: { ad_storage: false, ad_user_data: false } }).run({ ...START, consent });
  page.answer("ad_storage", true);
  assert.equal(page.calls.length, 1);
  page.answer("ad_user_data", true);
  page.answer("ad_storage", false);
  assert.deepEqual(page.calls.slice(1), [["consent", { ads: true }], ["consent", { ads: false }]]);
});

test("what is put into a cart is one event a product, in the specification's words", () => {
  const items = [{ item_id: "a", item_name: "Mug", item_category: "galley", price: 18, quantity: 2, index: 1 },
    { item_id: "b", item_name: "Lamp", price: 64, currency: "USD" }];
  assert.deepEqual(track("add_to_cart", { currency: "EUR", value: 100, items }), [
    ["track", "Product Added", { product_id: "a", name: "Mug", category: "galley", price: 18, quantity: 2, position: 1,
      currency: "EUR" }],
    ["track", "Product Added", { product_id: "b", name: "Lamp", price: 64, currency: "USD" }],
  ]);
});

test("a purchase is one order: revenue without shipping and tax, total with them, also if they are texts", () => {
  const [[, event, properties]] = track("purchase",
    { transaction_id: "T-1", value: "80", shipping: "5", tax: 15, currency: "EUR", items: [{ item_id: "a" }] });
  assert.equal(event, "Order Completed");
  assert.deepEqual([properties.order_id, properties.revenue, properties.total], ["T-1", 80, 100]);
  assert.deepEqual(properties.products, [{ product_id: "a" }]);
});

test("lists, carts, payments, promotions and searches have their names", () => {
  const named = (...args) => track(...args)[0].slice(1);
  assert.deepEqual(named("view_item_list", { item_list_id: "l", item_list_name: "Shoes", items: [] }),
    ["Product List Viewed", { list_id: "l", category: "Shoes", products: [] }]);
  assert.deepEqual(named("add_payment_info", { payment_type: "card", items: [] }),
    ["Payment Info Entered", { payment_method: "card", products: [] }]);
  assert.deepEqual(named("select_promotion", { promotion_id: "p", creative_slot: "top" }),
    ["Promotion Clicked", { promotion_id: "p", position: "top" }]);
  assert.deepEqual(named("search", undefined, { search_term: "wool" }), ["Products Searched", { query: "wool" }]);
});

test("an event of the data layer that is no e-commerce event is not sent, and the tag says that it failed", () => {
  const page = new Page({ layer: { event: "gtm.dom" } }).run({ action: "ecommerce" });
  assert.deepEqual([page.calls, page.outcomes], [[], ["failure"]]);
});

test("events, visitors and their leaving are said as they were entered", () => {
  const properties = [{ name: "plan", value: "pro" }, { name: "seats", value: 3 }];
  const page = new Page().run({ action: "event", event: "Signed Up", properties });
  page.run({ action: "identify", userId: "u-1", properties });
  page.run({ action: "identify", userId: "" }).run({ action: "reset" });
  const traits = { plan: "pro", seats: 3 };
  assert.deepEqual(page.calls, [["track", "Signed Up", traits], ["identify", "u-1", traits],
    ["identify", undefined, {}], ["reset"]]);
});

/** Scenarios of the template's own tests: the block texts of their YAML. */
const block = (text, indent) => text.split("\n").map((line) => line.slice(indent)).join("\n");
const [scenarioText, setupText] = parts.TESTS.split(/^setup: \|-$/m);
const scenarios = scenarioText.split(/^- name: /m).slice(1).map((text) => {
  const [name, body] = text.split("\n  code: |-\n");
  return { name, code: block(body, 4) };
});

for (const { name, code: scenario } of scenarios) {
  test(`the template's own test: ${name}`, () => {
    const page = new Page();
    const mocks = {};
    const called = {};
    const heard = (api, run) => (...args) => {
      (called[api] ??= []).push(args);
      return run?.(...args);
    };
    let checks = 0;
    execute(`${block(setupText, 2)}\n${scenario}`, {
      mock: (api, stand) => (mocks[api] = heard(api, stand)),
      runCode: (fields) => page.run(
        { ...fields, gtmOnSuccess: heard("gtmOnSuccess"), gtmOnFailure: heard("gtmOnFailure") }, mocks),
      assertThat: (actual) => ({ isEqualTo: (expected) => {
        checks++;
        assert.deepEqual(actual, expected);
      } }),
      assertApi: (api) => ({
        wasCalled: () => {
          checks++;
          assert.ok(called[api], `${api} was not called`);
        },
        wasCalledWith: (...args) => {
          checks++;
          assert.deepEqual(called[api]?.at(-1), args);
        },
      }),
    });
    assert.ok(checks > 1);
  });
}

test("the template brings tests of its own", () => assert.ok(scenarios.length >= 3));
