// The provider beside a collector, which `run`, two folders above, starts and names in these variables.
import { OpenFeature, ProviderEvents } from "@openfeature/server-sdk";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { SillageProvider } from "../provider.mjs";
import { until } from "./redis.mjs";

const FLAGS = JSON.parse(readFileSync(new URL("../../flags.json", import.meta.url), "utf8"));

function given(variable) {
  assert.ok(process.env[variable], `${variable} is not set: examples/personalize/run sets it`);
  return process.env[variable];
}

async function send(event, more) {
  const batch = [{ type: "track", event, messageId: randomUUID(), ...more }];
  const headers = { "X-Write-Key": "wk_shop", "Content-Type": "application/json" };
  const answer = await fetch(given("PERSONALIZE_HTTP"), { method: "POST", headers, body: JSON.stringify({ batch }) });
  assert.equal((await answer.json()).accepted, 1);
}

after(() => OpenFeature.close());

for (const variable of ["PERSONALIZE_FACE", "PERSONALIZE_REDIS"]) {
  test(`an event turns a flag, and an order turns it back, behind ${variable}`, async () => {
    const provider = new SillageProvider(given(variable), "shop", FLAGS, { deadlineMs: 2000 });
    await OpenFeature.setProviderAndWait(variable, provider);
    const client = OpenFeature.getClient(variable);
    let told = 0;
    client.addHandler(ProviderEvents.ConfigurationChanged, ({ flagsChanged }) => {
      told += flagsChanged.includes("cart-reminder") ? 1 : 0;
    });
    const userId = `flags-${randomUUID()}`;
    const ask = () => client.getBooleanDetails("cart-reminder", false, { targetingKey: userId });
    // Until it is served from what is cached, which only a change can turn before its time is over.
    await until("a cached answer", async () => (await ask()).flagMetadata.cached);
    await send("Product Added", { userId });
    await until("the cart", async () => (await ask()).value);
    const { flagMetadata, reason } = await ask();
    assert.equal(reason, "TARGETING_MATCH");
    assert.ok(Math.abs(flagMetadata.entered_at - Date.now()) < 60_000);
    assert.equal(await client.getStringValue("hero", "none", { targetingKey: userId }), "finish-order");
    assert.ok((await client.getNumberValue("engagement", -1, { targetingKey: userId })) > 18);
    await send("Order Completed", { userId });
    await until("the order", async () => !(await ask()).value);
    assert.ok(told >= 2);
  });
}
