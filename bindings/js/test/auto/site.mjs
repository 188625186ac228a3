// A site on loopback whose pages capture with a host that writes everything down, and a real browser to visit it.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const here = import.meta.dirname;

/** The host: what it hears outlives the page, in the storage of the tab. */
const HOST = `
  import { startCaptures } from "./index.ts";
  import { more, trackPlayer } from "./more.ts";
  const context = {};
  const host = (settings) => ({
    settings,
    track: (event, properties) => write(event, properties),
    page: (properties) => write("Page Viewed", properties),
    setContext: (members) => Object.assign(context, members),
    more: () => Promise.resolve(more),
  });
  const write = (event, properties) => {
    if (window.broken) throw new Error("a host that fails");
    sessionStorage.said = (sessionStorage.said ?? "") + JSON.stringify({ event, properties, context }) + "\\n";
  };
  window.begin = (settings) => (window.end = startCaptures(host(settings)));
  window.trackPlayer = (player) => trackPlayer(host({}), player);`;

/**
 * The clip is what this makes, with ffmpeg 5.1: 4 s of moving patterns, VP8, small and with a key frame each second.
 *   ffmpeg -f lavfi -i testsrc2=size=160x90:rate=10:duration=4 -c:v libvpx -b:v 30k -g 10 -deadline good -cpu-used 0
 *     -an -fflags +bitexact -flags +bitexact -map_metadata -1 clip.webm
 */
const CLIP = `${here}/clip.webm`;

const bundle = async () =>
  (
    await build({
      stdin: { contents: HOST, resolveDir: `${here}/../../src/auto`, loader: "ts" },
      bundle: true,
      minify: true,
      format: "iife",
      target: "es2020",
      mangleProps: /_$/,
      write: false,
      logLevel: "error",
    })
  ).outputFiles[0].text;

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

/** What all tests of a file share; every `open` is a visitor of its own. */
export const site = () => {
  const pages = new Map();
  let server, browser, script, context;
  const self = {
    origin: "",
    /** Serves `body` at `path`, with captures as in `settings`; `false` serves it without. */
    serve(path, body, settings = {}, head = "") {
      const begin = settings && `<script>begin(${JSON.stringify(settings)})</script>`;
      pages.set(
        path,
        `<!doctype html><meta name=viewport content="width=device-width"><title>${path}</title>${head}` +
          `<script src=/auto.js></script>${begin || ""}<body>${body}`,
      );
    },
    /** A new visitor at `path`. `prepare` runs in each of its pages before anything else. */
    async visit(path, { prepare, clock, referer } = {}) {
      await context?.close();
      context = await browser.newContext({ viewport: { width: 800, height: 600 } });
      const page = await context.newPage();
      // Times of engagement are minutes: the page's clock is wound by hand there.
      if (clock) {
        await page.clock.install({ time: 0 });
        await page.clock.pauseAt(1_000);
      }
      await page.addInitScript(prepare ?? (() => {}));
      await page.goto(self.origin + path, { referer });
      return page;
    },
    /** Serves `body` and visits it. */
    async open(body, settings, options = {}) {
      self.serve(options.path?.split(/[?#]/)[0] ?? "/", body, settings, options.head);
      return self.visit(options.path ?? "/", options);
    },
  };
  before(async () => {
    script = await bundle();
    const clip = readFileSync(CLIP);
    server = createServer(({ url, headers }, answer) => {
      const { pathname } = new URL(url, "http://site");
      if (pathname === "/auto.js") return answer.setHeader("content-type", "text/javascript").end(script);
      if (pathname.endsWith(".webm")) {
        // Without ranges a browser cannot seek.
        const [from, to] = /(\d+)-(\d*)/.exec(headers.range ?? "0-").slice(1);
        const end = +to || clip.length - 1;
        answer.writeHead(206, {
          "content-type": "video/webm",
          "accept-ranges": "bytes",
          "content-range": `bytes ${from}-${end}/${clip.length}`,
          "content-length": end - from + 1,
        });
        return answer.end(clip.subarray(+from, end + 1));
      }
      answer.writeHead(pages.has(pathname) ? 200 : 404, { "content-type": "text/html; charset=utf-8" });
      answer.end(pages.get(pathname) ?? "");
    }).listen(0, "127.0.0.1");
    await new Promise((ready) => server.once("listening", ready));
    self.origin = `http://127.0.0.1:${server.address().port}`;
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ARGS,
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
  });
  after(async () => {
    await browser.close();
    server.close();
    server.closeAllConnections();
  });
  return self;
};

/** Everything that was said in this tab, oldest first; of one event if it is named. */
export const said = async (page, event) => {
  const lines = await page.evaluate(() =>
    (sessionStorage.said ?? "")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  );
  return event ? lines.filter((line) => line.event === event) : lines;
};

/** The properties of an event each time it was said, once it was said at least `count` times. */
export const heard = async (page, event, count = 1) => {
  await page.waitForFunction(
    ([event, count]) => (sessionStorage.said ?? "").split(`{"event":"${event}"`).length > count,
    [event, count],
  );
  return (await said(page, event)).map(({ properties }) => properties);
};

/** Lets what was begun come to its end: two frames and what they set off. */
export const settle = (page) =>
  page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))),
  );

/**
 * Tells the captures that the page is hidden or shown. A headless browser never hides a page that stays, so the
 * listeners are called with what such an event looks like. Needs `recordListeners` as `prepare`.
 */
export const show = (page, isShown) =>
  page.evaluate((isShown) => {
    Object.defineProperty(document, "hidden", { value: !isShown, configurable: true });
    for (const listener of listeners.visibilitychange)
      listener({ type: "visibilitychange", isTrusted: true, target: document });
  }, isShown);

/** Keeps what is listened to, by type, in `listeners`; what `addEventListener` does stays the same. */
export const recordListeners = () => {
  window.listeners = {};
  const add = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, listener, ...rest) {
    if (this === window || this === document) (listeners[type] ??= []).push(listener);
    return add.call(this, type, listener, ...rest);
  };
};
