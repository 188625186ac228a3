// A real browser, a real collector, and between them a front that can fail in every way that networks do.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { chromium } from "playwright-core";

const root = join(import.meta.dirname, "../..");
export const binary = process.env.SILLAGE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? "", "debug/sillage");
export const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
export const KEY = "wk_web";

const listen = async (handler) => {
  const server = http.createServer(handler);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
};

const port = (server) => server.address().port;

/** A port of those that systems do not use for outgoing connections, which might take it while a collector is down. */
const freePort = async () => {
  for (;;) {
    const chosen = 12_000 + Math.floor(Math.random() * 20_000);
    const server = http.createServer().listen(chosen, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    server.close();
    if (isFree) return chosen;
  }
};

const body = async (message) => {
  const parts = [];
  for await (const part of message) parts.push(part);
  return Buffer.concat(parts);
};

/** Waits until `look` gives something true. */
export const until = async (what, look, ms = 20_000) => {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
    await after(25);
  }
};

/** A browser that asks nobody but the pages' own servers. */
export const browser = (args = []) =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...args,
    ],
  });

class Collector {
  constructor(rules) {
    this.folder = mkdtempSync(join(tmpdir(), "sillage-web-"));
    this.rules = rules;
  }

  async start() {
    // A restart needs the same ones.
    this.port ??= await freePort();
    this.resp ??= await freePort();
    writeFileSync(
      join(this.folder, "sillage.toml"),
      `
[server]
listen = "127.0.0.1:${this.port}"
data_dir = "${this.folder}/data"
[redis]
listen = "127.0.0.1:${this.resp}"
[[project]]
name = "web"
write_keys = ["${KEY}"]
read_tokens = ["rt_web"]
segments_in_answers = true
${this.rules}`,
    );
    const log = openSync(join(this.folder, "log"), "a");
    this.child = spawn(binary, ["serve", "--config", join(this.folder, "sillage.toml")], {
      stdio: ["ignore", log, log],
    });
    await until("the collector to be ready", async () => {
      const answer = await fetch(`http://127.0.0.1:${this.port}/readyz`).catch(() => undefined);
      return answer?.status === 200;
    });
  }

  async kill() {
    const ended = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await ended;
  }

  async get(path) {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      headers: { authorization: "Bearer rt_web" },
    });
    return answer.json();
  }
}

/** What a page is served with. `head` is the tag unless given. */
const html = (world, { head = tag(world), content = "" } = {}) =>
  `<!doctype html><meta charset=utf-8><title>Shop</title>${head}<body style="height:4000px">${content}` +
  // Says that the page was told of its end and came to the end of it: a browser kills one that takes too long.
  `<script>id=Math.random();addEventListener("load",()=>setTimeout(()=>addEventListener("pagehide",()=>
    navigator.sendBeacon("/left/"+id))))</script>`;

/** The one-line form. */
export const tag = (world, data = "data-auto=false") =>
  `<script defer src="${world.api}/tag.js" data-key="${KEY}" ${data}></script>`;

export class World {
  /** `rules` is TOML that goes on after the project's keys. */
  static async start({ rules = "", args = [] } = {}) {
    const world = new World();
    world.collector = new Collector(rules);
    await world.collector.start();
    world.pages = {};
    world.requests = [];
    world.left = new Set();
    world.fate = () => "pass";
    world.front = await listen((request, response) =>
      world.pass(request, response).catch(() => response.destroy()),
    );
    world.site = await listen((request, response) => world.serve(request, response));
    world.api = `http://127.0.0.1:${port(world.front)}`;
    world.origin = `http://localhost:${port(world.site)}`;
    world.browser = await browser(args);
    world.context = await world.browser.newContext();
    return world;
  }

  async stop() {
    await this.browser.close();
    for (const server of [this.front, this.site]) {
      server.closeAllConnections();
      server.close();
    }
    await this.collector.kill();
    rmSync(this.collector.folder, { recursive: true });
  }

  /** A new visitor. */
  async fresh() {
    await this.context.close();
    // What the last visitor's pages said at their end is not the next one's.
    for (let heard = -1; heard !== this.heard; await after(200)) heard = this.heard;
    this.context = await this.browser.newContext();
    this.requests.length = 0;
    this.fate = () => "pass";
  }

  serve(request, response) {
    const path = new URL(request.url, this.origin).pathname;
    if (path.startsWith("/left/")) this.left.add(path.slice(6));
    const page = this.pages[path] ?? {};
    if (page.file) return response.writeHead(200, page.headers).end(readFileSync(page.file));
    response.writeHead(200, { "content-type": "text/html", "cache-control": "no-cache", ...page.headers });
    response.end(html(this, page));
  }

  /**
   * From a page to the collector. Fates: `pass`; `down` (nobody is there); `lost` (it arrives, the answer does not);
   * `hang` (neither yes nor no); a number (a status without the collector).
   */
  async pass(request, response) {
    const path = new URL(request.url, this.api).pathname;
    const sent = await body(request);
    this.heard = (this.heard ?? 0) + 1;
    const fate = await this.fate({ path, method: request.method });
    const record = { path, method: request.method, headers: request.headers, fate };
    if (request.method === "POST") {
      record.body = JSON.parse(sent[0] === 0x1f ? gunzipSync(sent) : sent);
      this.requests.push(record);
    }
    if (fate === "down") return response.destroy();
    if (fate === "hang") return undefined;
    if (typeof fate === "number")
      return response.writeHead(fate, { "access-control-allow-origin": "*" }).end();
    const asked = http.request({
      port: this.collector.port,
      host: "127.0.0.1",
      method: request.method,
      path: request.url,
      headers: request.headers,
    });
    asked.end(sent);
    const [answer] = await once(asked, "response");
    record.status = answer.statusCode;
    const bytes = await body(answer);
    if (request.method === "POST") record.answer = JSON.parse(bytes);
    if (fate === "lost") return response.destroy();
    response.writeHead(answer.statusCode, answer.headers).end(bytes);
  }

  /** Opens a page of the site, with the client there. */
  async open(path = "/", context = this.context) {
    const page = await context.newPage();
    await page.goto(this.origin + path);
    await page.waitForFunction(() => "sillage" in window && "track" in window.sillage);
    return page;
  }

  /** Events that reached the collector, each id once. */
  events() {
    const seen = new Map();
    for (const { body, status } of this.requests)
      if (status === 200) for (const event of body.batch) seen.set(event.messageId, { ...body, ...event });
    return [...seen.values()];
  }

  /** Where everything stands, for whoever looks at a failure. */
  async state() {
    const requests = this.requests.map(({ fate, status = "open", body }) => [fate, status, body.batch.length]);
    const pages = this.context.pages().map((page) =>
      page.evaluate(async () => [
        location.href,
        await sillage.ledger(),
        await navigator.locks.query(),
        Object.entries(localStorage).map(([name, { length }]) => [name, length]),
        performance.getEntriesByType("resource").map(({ name, responseEnd }) => [name, responseEnd]),
      ]),
    );
    return JSON.stringify([requests, await Promise.allSettled(pages)]);
  }

  /** The collector's ledger of the visitor's installation. */
  async ledger(since = {}) {
    const { total } = await this.collector.get("/v1/ledger");
    const minus = (name) => total[name] - (since[name] ?? 0);
    const names = ["installs", "created", "received", "duplicates", "pending", "lost", "surplus"];
    return Object.fromEntries(names.map((name) => [name, minus(name)]));
  }
}
