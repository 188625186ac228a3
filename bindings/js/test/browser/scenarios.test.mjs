// The stories of tests/fixtures/scenarios in a real browser, by the files that the collector hands out.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test, { after, before } from "node:test";
import * as esbuild from "esbuild";
import { World, version } from "./world.mjs";

const root = join(import.meta.dirname, "../..");
const folder = join(root, "../../tests/fixtures/scenarios");
const stories = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => [name, JSON.parse(readFileSync(join(folder, name), "utf8"))]);

let world;
before(async () => (world = await World.start()));
after(() => world.stop());

const check = async (form, headers = {}) => {
  world.pages["/stories"] = { head: "", headers };
  const page = await world.context.newPage();
  await page.goto(`${world.origin}/stories`);
  const bundle = esbuild.buildSync({
    stdin: {
      contents: 'export { play } from "./test/scenarios.mjs"; export { over } from "./src/core.ts"',
      resolveDir: root,
    },
    bundle: true,
    write: false,
    format: "iife",
    globalName: "stories",
    footer: { js: "globalThis.stories = stories;" },
  });
  await page.evaluate(bundle.outputFiles[0].text);
  const wrong = await page.evaluate(
    async ([all, form, base]) => {
      const { play, over } = globalThis.stories;
      let make;
      if (form === "core.wasm") {
        const module = await WebAssembly.compile(await (await fetch(base + form)).arrayBuffer());
        make = () => over(new WebAssembly.Instance(module).exports);
      } else {
        const { open } = await import(base + form);
        make = () => over(open());
      }
      return all.flatMap(([name, story]) => play(name, story, make));
    },
    [stories, form, `${world.api}/v/${version}/`],
  );
  assert.ok(stories.length >= 90, `${stories.length} stories`);
  assert.equal(wrong.length, 0, wrong.join("\n"));
  await page.close();
};

test("every story is told by the core as WebAssembly, in a browser", () => check("core.wasm"));
test("every story is told by the core as JavaScript, in a browser", () => check("core.js"));
