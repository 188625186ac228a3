import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Trackers leave robots out; this one is to be taken for a person.
  "--disable-blink-features=AutomationControlled",
  // Nothing but the sink can be reached, whatever a tracker would like to load.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/** Debian's chromium, or the one that CHROMIUM names. */
export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS });

/** A new visitor on a page of its own, with a line to the browser's own metrics. */
export async function visitor(browser, use) {
  const userAgent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${
    browser.version().split(".")[0]
  }.0.0.0 Safari/537.36`;
  const context = await browser.newContext({ userAgent, viewport: { width: 1280, height: 800 } });
  try {
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    await devtools.send("Performance.enable");
    return await use(page, devtools);
  } finally {
    await context.close();
  }
}

/** Milliseconds that the page's main thread has worked so far. */
export async function mainThreadMs(devtools) {
  const { metrics } = await devtools.send("Performance.getMetrics");
  return 1000 * metrics.find(({ name }) => name === "TaskDuration").value;
}

/** The value below which `share` of the sample lies. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

export const median = (values) => quantile(values, 0.5);
