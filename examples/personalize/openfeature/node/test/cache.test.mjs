import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache } from "../cache.mjs";

const read = (cache, id, found) => cache.read(id, 0, async () => found);

test("who was asked for least recently goes first", async () => {
  const cache = new Cache(2);
  await read(cache, "a", 1);
  await read(cache, "b", 2);
  cache.get("a");
  await read(cache, "c", 3);
  assert.deepEqual(["a", "b", "c"].map((id) => cache.get(id)?.found), [1, undefined, 3]);
});

test("several that want the same person share one read", async () => {
  const cache = new Cache(2);
  let reads = 0;
  const slow = () => new Promise((resolve) => setImmediate(() => resolve(++reads)));
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => cache.read("a", 0, slow))), [1, 1, 1]);
});

test("a read that was under way when its person changed is not kept", async () => {
  for (const happens of [(cache) => cache.forget("a"), (cache) => cache.doubt(), (cache) => cache.clear()]) {
    const cache = new Cache(2);
    let answer;
    const old = cache.read("a", 0, () => new Promise((resolve) => (answer = resolve)));
    happens(cache);
    const fresh = read(cache, "a", "new");
    answer("old");
    assert.equal(await old, "old");
    assert.equal(await fresh, "new");
    assert.equal(cache.get("a").found, "new");
  }
});

test("a read that failed leaves what was there", async () => {
  const cache = new Cache(2);
  await read(cache, "a", 1);
  await assert.rejects(cache.read("a", 0, () => Promise.reject(new Error("no"))));
  assert.equal(cache.get("a").found, 1);
  await read(cache, "a", 2);
  assert.equal(cache.get("a").found, 2);
});
