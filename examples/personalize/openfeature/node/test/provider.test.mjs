import { OpenFeature, ProviderEvents, ProviderStatus } from "@openfeature/server-sdk";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";
import { SillageProvider } from "../provider.mjs";
import { RedisServer, until } from "./redis.mjs";

const FLAGS = JSON.parse(readFileSync(new URL("../../flags.json", import.meta.url), "utf8"));
const NOW = 1_800_000_000_000;
const DAY = 86_400_000;
const AS_OF = String(NOW - 1000);
const USER = { targetingKey: "42" };

let server;
let domains = 0;

beforeEach(async () => {
  server = await RedisServer.start();
  await meta();
});

afterEach(async () => {
  await OpenFeature.clearProviders();
  await server.stop();
});

const meta = (schema = "1") => server.client.hSet("sl:shop:meta", { schema, half_life_ms: String(7 * DAY) });

/** A client of a provider that is ready; `now` may be moved. */
async function ready(options = {}) {
  const clock = { now: NOW };
  const provider = new SillageProvider(server.url, "shop", FLAGS, {
    deadlineMs: 2000,
    now: () => clock.now,
    ...options,
  });
  const domain = `test-${domains++}`;
  const seen = [];
  const client = OpenFeature.getClient(domain);
  for (const event of Object.values(ProviderEvents)) {
    client.addHandler(event, (details) => seen.push({ event, ...details }));
  }
  await OpenFeature.setProviderAndWait(domain, provider);
  return { client, provider, clock, seen, domain };
}

/** Until the provider follows the stream, so that it serves what it has cached. */
async function following({ client }, context) {
  await until("a cached answer", async () => {
    const { flagMetadata } = await client.getBooleanDetails("pro-menu", false, context);
    return flagMetadata.cached;
  });
}

test("a boolean flag is a membership, and says since when and as of when", async () => {
  await server.profile("u:42", { "seg:hot-cart": "1799999990000", as_of: AS_OF, v: "7" });
  const { client } = await ready();
  const details = await client.getBooleanDetails("cart-reminder", false, USER);
  assert.deepEqual(details, {
    flagKey: "cart-reminder",
    value: true,
    variant: "on",
    reason: "TARGETING_MATCH",
    flagMetadata: {
      known: true,
      as_of: NOW - 1000,
      v: 7,
      segment: "hot-cart",
      entered_at: 1_799_999_990_000,
      cached: false,
    },
  });
});

test("who is in no segment, or unknown, gets false whatever the caller's default", async () => {
  await server.profile("u:42", { as_of: AS_OF, v: "7" });
  const { client } = await ready();
  for (const [targetingKey, known] of [["42", true], ["nobody", false]]) {
    const details = await client.getBooleanDetails("cart-reminder", true, { targetingKey });
    assert.equal(details.value, false);
    assert.equal(details.variant, "off");
    assert.equal(details.reason, "DEFAULT");
    assert.equal(details.flagMetadata.known, known);
  }
});

test("a membership whose deadline nobody has looked at is over, and says so", async () => {
  await server.profile("u:42", { "seg:hot-cart": "1", as_of: String(NOW - 3_900_001) });
  const { client } = await ready();
  const details = await client.getBooleanDetails("cart-reminder", true, USER);
  assert.deepEqual([details.value, details.reason], [false, "STALE"]);
});

test("a string flag is the first variant that fits", async () => {
  await server.profile("u:both", { "seg:pro": "1", "seg:hot-cart": "2", as_of: AS_OF });
  await server.profile("u:pro", { "seg:pro": "1", as_of: AS_OF });
  await server.profile("u:fan", { "score:engagement": "25", as_of: String(NOW) });
  await server.profile("u:new", { "score:engagement": "24.9999", as_of: String(NOW) });
  const { client } = await ready();
  const expected = [
    ["both", "finish-order", "TARGETING_MATCH", 2],
    ["pro", "pro-tips", "TARGETING_MATCH", 1],
    ["fan", "for-fans", "TARGETING_MATCH", undefined],
    ["new", "welcome", "DEFAULT", undefined],
    ["nobody", "welcome", "DEFAULT", undefined],
  ];
  for (const [targetingKey, value, reason, enteredAt] of expected) {
    const details = await client.getStringDetails("hero", "none", { targetingKey });
    assert.deepEqual(
      [details.value, details.variant, details.reason, details.flagMetadata.entered_at],
      [value, value, reason, enteredAt],
    );
  }
});

test("a number flag is the score as it is now", async () => {
  await server.profile("u:42", { "score:engagement": "75", as_of: String(NOW) });
  const { client, clock } = await ready();
  assert.equal(await client.getNumberValue("engagement", -1, USER), 75);
  clock.now = NOW + 7 * DAY;
  // Half of raw is left: 1 - sqrt(1 - 0.75).
  assert.ok(Math.abs((await client.getNumberValue("engagement", -1, USER)) - 50) < 1e-9);
  const stranger = await client.getNumberDetails("engagement", -1, { targetingKey: "nobody" });
  assert.deepEqual([stranger.value, stranger.reason], [-1, "DEFAULT"]);
});

test("an object flag is the whole profile", async () => {
  const fields = { "seg:pro": "5", "score:engagement": "10", "sess:id": "ab", "sess:events": "3" };
  await server.profile("u:42", { ...fields, "trait:plan": "pro", as_of: String(NOW), v: "7" });
  const { client } = await ready();
  assert.deepEqual(await client.getObjectValue("visitor", {}, USER), {
    segments: { pro: 5 },
    scores: { engagement: 10 },
    session: { id: "ab", events: 3 },
    traits: { plan: "pro" },
    as_of: NOW,
  });
  assert.deepEqual(await client.getObjectValue("visitor", { a: 1 }, { targetingKey: "nobody" }), { a: 1 });
});

test("a device is looked up by its anonymous id, a user before it", async () => {
  await server.profile("a:d-1", { "seg:pro": "1", as_of: AS_OF });
  const { client } = await ready();
  assert.equal(await client.getBooleanValue("pro-menu", false, { anonymousId: "d-1" }), true);
  assert.equal(await client.getBooleanValue("pro-menu", false, { ...USER, anonymousId: "d-1" }), false);
});

test("what cannot be resolved says why, and gives the caller's default", async () => {
  await server.profile("u:broken", { "seg:pro": "yes", as_of: AS_OF });
  await server.client.set("sl:shop:u:no-hash", "1");
  const { client } = await ready();
  const cases = [
    [await client.getBooleanDetails("no-such", true, USER), "FLAG_NOT_FOUND"],
    [await client.getBooleanDetails("hero", true, USER), "TYPE_MISMATCH"],
    [await client.getBooleanDetails("pro-menu", true, {}), "TARGETING_KEY_MISSING"],
    [await client.getBooleanDetails("pro-menu", true, { anonymousId: 7 }), "TARGETING_KEY_MISSING"],
    [await client.getBooleanDetails("pro-menu", true, { targetingKey: "broken" }), "GENERAL"],
    [await client.getBooleanDetails("pro-menu", true, { targetingKey: "no-hash" }), "GENERAL"],
  ];
  for (const [details, code] of cases) {
    assert.deepEqual([details.value, details.reason, details.errorCode], [true, "ERROR", code]);
    assert.equal(details.variant, undefined);
    assert.ok(details.errorMessage);
  }
});

test("a flag that is made of nothing, or of two things, is refused at once", () => {
  for (const flag of [{}, { segment: "a", score: "b" }]) {
    assert.throws(() => new SillageProvider(server.url, "shop", { flag }), TypeError);
  }
});

test("a change drops the cached profile and tells which flags may have changed", async () => {
  await server.profile("u:42", { as_of: AS_OF });
  const world = await ready();
  await following(world, USER);
  await server.profile("u:42", { "seg:pro": "9", as_of: AS_OF });
  assert.equal(await world.client.getBooleanValue("pro-menu", false, USER), false, "it is cached");
  await server.change("u:42", "pro", "enter");
  await until("the change", () => world.client.getBooleanValue("pro-menu", false, USER));
  const changed = world.seen.find(({ event }) => event === ProviderEvents.ConfigurationChanged);
  assert.deepEqual(changed.flagsChanged, ["pro-menu", "hero", "engagement", "visitor"]);
});

test("a cached profile is read again when it is old, a device's sooner", async () => {
  for (const id of ["u:42", "a:d-1"]) await server.profile(id, { as_of: AS_OF });
  const world = await ready();
  await following(world, USER);
  await following(world, { anonymousId: "d-1" });
  for (const id of ["u:42", "a:d-1"]) await server.profile(id, { "seg:pro": "9" });
  const both = async () => [
    await world.client.getBooleanValue("pro-menu", false, USER),
    await world.client.getBooleanValue("pro-menu", false, { anonymousId: "d-1" }),
  ];
  assert.deepEqual(await both(), [false, false]);
  world.clock.now += 2000;
  assert.deepEqual(await both(), [false, true]);
  world.clock.now += 28_000;
  assert.deepEqual(await both(), [true, true]);
});

test("no more profiles are cached than allowed", async () => {
  const { client, provider } = await ready({ cacheMax: 3 });
  for (let n = 0; n < 10; n++) await client.getBooleanValue("pro-menu", false, { targetingKey: `p${n}` });
  assert.equal(provider.cached, 3);
});

test("without Redis the cache answers as stale, the rest by default in time, and all is well after", async () => {
  await server.profile("u:42", { "seg:pro": "1", as_of: AS_OF });
  const world = await ready({ deadlineMs: 100 });
  const { client, seen } = world;
  await following(world, USER);
  await server.stop();
  await until("the event", () => seen.some(({ event }) => event === ProviderEvents.Stale));
  assert.equal(client.providerStatus, ProviderStatus.STALE);
  const known = await client.getBooleanDetails("pro-menu", false, USER);
  assert.deepEqual([known.value, known.variant, known.reason], [true, "on", "STALE"]);
  const started = performance.now();
  const other = await client.getBooleanDetails("pro-menu", true, { targetingKey: "7" });
  assert.ok(performance.now() - started < 600, "within the deadline");
  assert.deepEqual([other.value, other.reason, other.errorCode], [true, "ERROR", "GENERAL"]);
  world.clock.now += 300_000;
  const tooOld = await client.getBooleanDetails("pro-menu", false, USER);
  assert.deepEqual([tooOld.value, tooOld.errorCode], [false, "GENERAL"]);

  const readyBefore = seen.filter(({ event }) => event === ProviderEvents.Ready).length;
  await server.again();
  await meta();
  await until("it", () => seen.filter(({ event }) => event === ProviderEvents.Ready).length > readyBefore);
  assert.equal(client.providerStatus, ProviderStatus.READY);
  // That Redis is empty now: what was cached before is not believed.
  await until("a fresh answer", async () => {
    const details = await client.getBooleanDetails("pro-menu", true, USER);
    return details.reason === "DEFAULT" && details.value === false;
  });
});

test("a provider that lost Redis for long is in error", async () => {
  const { client, seen } = await ready({ staleMs: 300 });
  await server.stop();
  await until("the event", () => seen.some(({ event }) => event === ProviderEvents.Error));
  assert.equal(client.providerStatus, ProviderStatus.ERROR);
});

test("a Redis that hangs costs no more than the deadline, and its late answers reach nobody", async () => {
  for (let n = 0; n < 20; n++) await server.profile(`u:p${n}`, { "score:engagement": String(n), as_of: AS_OF });
  const { client } = await ready({ deadlineMs: 100, ttlMs: 0, staleMs: 0 });
  const ask = (n) => client.getNumberDetails("engagement", -1, { targetingKey: `p${n}` });
  await ask(0);
  server.hold();
  const started = performance.now();
  const held = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(n)));
  const took = performance.now() - started;
  server.release();
  assert.ok(held.every(({ value, errorCode }) => value === -1 && errorCode === "GENERAL"));
  assert.ok(took < 600, `took ${took} ms`);
  await until("an answer", async () => (await ask(1)).errorCode === undefined);
  for (let n = 0; n < 20; n++) {
    const { value } = await ask(n);
    assert.ok(value === -1 || Math.round(value) === n, `${value} for ${n}`);
  }
});

test("a provider that starts before Redis becomes ready with it", async () => {
  await server.stop();
  await assert.rejects(ready({ connectMs: 300 }));
  const client = OpenFeature.getClient(`test-${domains - 1}`);
  assert.equal(client.providerStatus, ProviderStatus.ERROR);
  await server.again();
  await meta();
  await server.profile("u:42", { "seg:pro": "1", as_of: AS_OF });
  await until("it", () => client.providerStatus === ProviderStatus.READY);
  await until("an answer", () => client.getBooleanValue("pro-menu", false, USER));
});

test("keys of another schema are fatal", async () => {
  await meta("2");
  await assert.rejects(ready());
  const client = OpenFeature.getClient(`test-${domains - 1}`);
  assert.equal(client.providerStatus, ProviderStatus.FATAL);
  const details = await client.getBooleanDetails("pro-menu", true, USER);
  assert.deepEqual([details.value, details.errorCode], [true, "PROVIDER_FATAL"]);
});

test("when the stream was lost, nothing cached is believed", async () => {
  await server.change("u:other", "pro", "enter");
  await server.profile("u:42", { as_of: AS_OF });
  const world = await ready();
  await following(world, USER);
  await server.client.del("sl:shop:changes");
  await server.profile("u:42", { "seg:pro": "9" });
  await until("the event", () => {
    const changed = world.seen.filter(({ event }) => event === ProviderEvents.ConfigurationChanged);
    return changed.some(({ flagsChanged }) => flagsChanged.length === Object.keys(FLAGS).length);
  });
  assert.equal(await world.client.getBooleanValue("pro-menu", false, USER), true);
});

test("after its end it holds nothing, and it can begin again", async () => {
  await server.profile("u:42", { "seg:pro": "1", as_of: AS_OF });
  const { provider } = await ready();
  await provider.onClose();
  assert.equal(provider.cached, 0);
  await assert.rejects(provider.resolveBooleanEvaluation("pro-menu", false, USER), { code: "GENERAL" });
  const clients = async () => (await server.client.sendCommand(["CLIENT", "LIST"])).trim().split("\n").length;
  await until("its connections to be closed", async () => (await clients()) === 1);
  await provider.initialize();
  assert.equal((await provider.resolveBooleanEvaluation("pro-menu", false, USER)).value, true);
  await provider.onClose();
});

test("one that is closed while it connects leaves no connection", async () => {
  const clients = async () => (await server.client.sendCommand(["CLIENT", "LIST"])).trim().split("\n").length;
  for (const turns of [0, 1, 3]) {
    const provider = new SillageProvider(server.url, "shop", FLAGS);
    const started = provider.initialize().catch(() => {});
    for (let n = 0; n < turns; n++) await new Promise((resolve) => setImmediate(resolve));
    await provider.onClose();
    await started;
  }
  await until("all to be closed", async () => (await clients()) === 1);
});
