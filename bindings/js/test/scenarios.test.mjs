// The stories of tests/fixtures/scenarios, through the very files that pages load.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";
import * as esbuild from "esbuild";
import { play } from "./scenarios.mjs";

const root = join(import.meta.dirname, "..");
const stories = join(root, "../../tests/fixtures/scenarios");
const all = readdirSync(stories)
  .filter((name) => name.endsWith(".json"))
  .map((name) => [name, JSON.parse(readFileSync(join(stories, name), "utf8"))]);

const bundle = esbuild.buildSync({
  entryPoints: [join(root, "src/core.ts")],
  format: "esm",
  bundle: true,
  write: false,
});
const { over } = await import(
  `data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].text).toString("base64")}`
);

async function check(makeCore) {
  assert.ok(all.length >= 90, `${all.length} stories`);
  const wrong = all.flatMap(([name, story]) => play(name, story, makeCore));
  assert.equal(wrong.length, 0, wrong.join("\n"));
}

test("every story is told by the core as WebAssembly", async () => {
  const module = new WebAssembly.Module(readFileSync(join(root, "dist/core.wasm")));
  await check(() => over(new WebAssembly.Instance(module).exports));
});

test("every story is told by the core as JavaScript", async () => {
  const { open } = await import(pathToFileURL(join(root, "dist/core.js")));
  await check(() => over(open()));
});
