// The hooks, where React renders: on a server without a page, and in a browser that takes its markup over.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { gunzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { chromium } from "playwright-core";

const root = join(import.meta.dirname, "..");
const wasm = readFileSync(join(root, "dist/core.wasm"));

/** An app that shows its segments, tracks on a click, and says what it was given at each rendering. */
const APP = `
  import { StrictMode } from "react";
  import { SillageProvider, useSegments, useSillage, useTrack } from "./src/next.js";
  export const seen = { clients: new Set(), tracks: new Set(), lists: [] };
  function Shelf() {
    const [client, segments, track] = [useSillage(), useSegments(), useTrack()];
    seen.clients.add(client);
    seen.tracks.add(track);
    seen.lists.push(segments);
    const [one, add] = [segments.join("+") || "nobody", () => track("Product Added", { sku: "s-1" })];
    return <button onClick={add}>{one}</button>;
  }
  export const App = () => <StrictMode><SillageProvider settings={{ key: "wk_react" }}><Shelf /></SillageProvider>
  </StrictMode>;
  export { Shelf };`;

const bundle = (contents, options) =>
  esbuild.buildSync({
    stdin: { contents, resolveDir: root, loader: "tsx" },
    bundle: true,
    write: false,
    jsx: "automatic",
    mangleProps: /_$/,
    define: {
      VERSION: '"0.0.0"',
      CORE_INTEGRITY: JSON.stringify(`sha384-${createHash("sha384").update(wasm).digest("base64")}`),
      "process.env.NODE_ENV": '"development"',
      ...options.define,
    },
    ...options.more,
  }).outputFiles[0].text;

let folder;
let server;
let origin;
let rendered;
let browser;
const batches = [];
let segments = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "sillage-react-"));
  const file = join(folder, "server.cjs");
  writeFileSync(file, bundle(`${APP}
    import { renderToString } from "react-dom/server";
    export const rendered = renderToString(<App />);
    export const alone = () => renderToString(<Shelf />);`,
  { define: { "import.meta.url": '"file:///"' }, more: { platform: "node", format: "cjs" } }));
  rendered = createRequire(import.meta.url)(file);

  const script = bundle(`${APP}
    import { hydrateRoot } from "react-dom/client";
    window.seen = seen;
    hydrateRoot(document.getElementById("root"), <App />);`, { more: { format: "esm", platform: "browser" } });
  const files = {
    "/": ["text/html", `<!doctype html><div id="root">${rendered.rendered}</div>
      <script type="module" src="/app.js"></script>`],
    "/app.js": ["text/javascript", script],
    "/core.wasm": ["application/wasm", wasm],
  };
  server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const path = new URL(request.url, "http://page").pathname;
    if (path !== "/v1/batch") {
      const [type, body] = files[path] ?? ["text/plain", ""];
      return response.writeHead(files[path] ? 200 : 204, { "content-type": type }).end(body);
    }
    const bytes = Buffer.concat(parts);
    const sent = JSON.parse(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes);
    batches.push(sent);
    const answer = { success: true, batchId: sent.sillage.batchId, accepted: sent.batch.length, duplicates: 0,
      rejected: [], receivedAt: new Date().toISOString(), sentAt: sent.sentAt, segments };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${server.address().port}`;
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"] });
});

after(async () => {
  await browser?.close();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("a server renders the app without a window, with a client that does nothing, and with no segments", () => {
  assert.equal(typeof window, "undefined");
  assert.equal(rendered.rendered, "<button>nobody</button>");
  const [client] = rendered.seen.clients;
  client.track("Nowhere");
  assert.equal(client.anonymousId(), "");
});

test("a hook without a provider says what is missing", () => {
  assert.throws(rendered.alone, /SillageProvider/);
});

test("next.js keeps the words that make it a part of the client", () => {
  const text = esbuild.buildSync({ entryPoints: [join(root, "src/next.ts")], bundle: true, write: false, format: "esm",
    external: ["react"] }).outputFiles[0].text;
  assert.match(text, /^"use client";/);
});

test("strict mode has one client and one event a click, and segments follow the answers", async () => {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  segments = ["browsing", "hot-cart"];
  await page.goto(origin);
  await page.waitForFunction(() => window.seen?.clients.size > 0);
  assert.equal(await page.textContent("button"), "nobody");
  await page.click("button");
  await page.evaluate(() => [...seen.clients][0].flush());
  await page.waitForFunction(() => document.querySelector("button").textContent === "browsing+hot-cart");
  segments = ["buyer"];
  await page.click("button");
  await page.evaluate(() => [...seen.clients][0].flush());
  await page.waitForFunction(() => document.querySelector("button").textContent === "buyer");
  const counts = await page.evaluate(() => ({ clients: seen.clients.size, tracks: seen.tracks.size,
    lists: new Set(seen.lists.filter((list) => list.includes("buyer"))).size }));
  assert.equal(counts.clients, 1);
  // Strict mode renders each state twice, and what the second remembers may be its own; never more than that.
  assert.ok(counts.tracks <= 2 && counts.lists <= 2, JSON.stringify(counts));
  const ids = batches.flatMap(({ batch }) => batch).filter(({ event }) => event === "Product Added");
  assert.equal(new Set(ids.map(({ messageId }) => messageId)).size, 2);
  assert.equal(new Set(batches.map(({ sillage }) => sillage.install)).size, 1);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("segments of an earlier visit are there after hydration, and the markup still agrees", async () => {
  const context = await browser.newContext();
  segments = ["reader"];
  const first = await context.newPage();
  await first.goto(origin);
  await first.click("button");
  await first.evaluate(() => [...seen.clients][0].flush());
  await first.waitForFunction(() => document.querySelector("button").textContent === "reader");
  await first.close();
  const complaints = [];
  const second = await context.newPage();
  second.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await second.goto(origin);
  await second.waitForFunction(() => document.querySelector("button").textContent === "reader");
  assert.equal(await second.evaluate(() => seen.lists[0].length), 0);
  assert.deepEqual(complaints, []);
  await context.close();
});
