import { launch, median, visitor } from "./browser.mjs";

const WATCHED_MS = 5000;
const LIMIT_MS = 50;

/**
 * Total blocking time of a content page on a processor four times slower: of each long task between the first
 * contentful paint and five seconds after load, what goes beyond 50 ms; with each subject, minus without any.
 */
export async function measureBlocking(sink, subjects, repeats) {
  const pages = [{ name: "without a tracker", path: "/content/none" }, ...subjects];
  const runs = new Map(pages.map(({ name }) => [name, []]));
  const browser = await launch();
  try {
    for (let turn = 0; turn < repeats; turn++) {
      for (const page of pages) {
        const path = page.path.replace("/bare/", "/content/");
        runs.get(page.name).push(await visit(browser, sink.origin + path));
      }
    }
  } finally {
    await browser.close();
  }
  const alone = runs.get("without a tracker");
  return pages.map(({ name }) => {
    const mine = runs.get(name);
    return {
      name,
      blockingMs: median(mine.map((run) => run.blockingMs)),
      // Turn by turn, so that what slows both falls out.
      addedMs: median(mine.map((run, turn) => run.blockingMs - alone[turn].blockingMs)),
      longTasks: median(mine.map((run) => run.longTasks)),
      longestMs: median(mine.map((run) => run.longestMs)),
    };
  });
}

function visit(browser, url) {
  return visitor(browser, async (page, devtools) => {
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    await page.goto(url, { waitUntil: "load" });
    await page.waitForTimeout(WATCHED_MS);
    const seen = await page.evaluate(() => ({
      tasks: window.longTasks,
      painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
      loaded: performance.getEntriesByType("navigation")[0].loadEventEnd,
    }));
    const tasks = seen.tasks.filter(({ start, ms }) => start + ms > seen.painted && start < seen.loaded + WATCHED_MS);
    const blocked = ({ start, ms }) => Math.max(0, Math.min(ms, start + ms - seen.painted) - LIMIT_MS);
    return {
      blockingMs: tasks.reduce((total, task) => total + blocked(task), 0),
      longTasks: tasks.length,
      longestMs: Math.max(0, ...tasks.map(({ ms }) => ms)),
    };
  });
}
