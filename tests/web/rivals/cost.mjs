import { launch, mainThreadMs, median, quantile, visitor } from "./browser.mjs";
import { PROPERTIES } from "./rivals.mjs";

const START_MS = 3000;
const SAMPLES = 100;
const CALLS_A_SAMPLE = 10;

/**
 * What each subject costs the main thread of a desktop page: its script's compilation and evaluation with init, all
 * work of the first three seconds beyond that of the page alone, and `track` with eight properties.
 */
export async function measureCost(sink, subjects, repeats) {
  const runs = new Map(subjects.map(({ name }) => [name, []]));
  const bare = [];
  // Subjects take turns, so that a machine that slows down slows all of them.
  for (let turn = 0; turn < repeats; turn++) {
    bare.push(await start(sink, { path: "/bare/none" }));
    for (const subject of subjects) {
      const before = sink.received(subject.owner);
      const run = { ...(await start(sink, subject)), ...(await calls(sink, subject)) };
      run.requests = sink.received(subject.owner) - before;
      runs.get(subject.name).push(run);
    }
  }
  return subjects.map(({ name }) => {
    const mine = runs.get(name);
    const of = (pick) => median(mine.map(pick));
    return {
      name,
      evaluationMs: of((run) => run.evaluationMs),
      // Turn by turn, so that what slows both falls out.
      startMs: median(mine.map((run, turn) => run.startMs - bare[turn].startMs)),
      longTasks: of((run) => run.longTasks),
      firstUs: of((run) => run.firstUs),
      trackUs: of((run) => median(run.samples)),
      trackP95Us: of((run) => quantile(run.samples, 0.95)),
      allInUs: of((run) => run.allInUs),
      requests: of((run) => run.requests),
    };
  });
}

/** Loads the page in a browser of its own: no code of an earlier run is compiled already. */
async function start(sink, subject) {
  const browser = await launch();
  try {
    return await visitor(browser, async (page, devtools) => {
      await browser.startTracing(page, { categories: ["devtools.timeline", "v8", "disabled-by-default-v8.compile"] });
      await page.goto(sink.origin + subject.path, { waitUntil: "load" });
      await page.waitForTimeout(START_MS);
      const startMs = await mainThreadMs(devtools);
      const longTasks = await page.evaluate(() => window.longTasks.length);
      const { traceEvents } = JSON.parse((await browser.stopTracing()).toString("utf8"));
      return { startMs, longTasks, evaluationMs: evaluation(traceEvents, sink.origin + subject.script) };
    });
  } finally {
    await browser.close();
  }
}

/** The union of compiling and evaluating one script on its main thread, in ms. */
function evaluation(events, url) {
  const spans = events
    .filter(({ name, ph, args }) => {
      const about = args?.data?.url ?? args?.fileName;
      return ph === "X" && about === url && (name === "EvaluateScript" || name === "v8.compile");
    })
    .map(({ ts, dur }) => [ts, ts + dur])
    .sort(([a], [b]) => a - b);
  let total = 0;
  let reached = -Infinity;
  for (const [from, to] of spans) {
    total += Math.max(0, to - Math.max(from, reached));
    reached = Math.max(reached, to);
  }
  return total / 1000;
}

/** One page that calls the subject's `track`, and one that does all but call it. */
async function calls(sink, subject) {
  const browser = await launch();
  try {
    const loud = await burst(browser, sink, subject, true);
    const quiet = await burst(browser, sink, subject, false);
    const events = SAMPLES * CALLS_A_SAMPLE + 1;
    return { ...loud, allInUs: (1000 * (loud.workMs - quiet.workMs)) / events };
  } finally {
    await browser.close();
  }
}

function burst(browser, sink, subject, loud) {
  return visitor(browser, async (page, devtools) => {
    await page.goto(sink.origin + subject.path, { waitUntil: "load" });
    await page.waitForFunction(() => window.rivalTrack || window.sillage?.track, undefined, { timeout: 10_000 });
    await page.waitForTimeout(START_MS);
    const before = await mainThreadMs(devtools);
    const timed = await page.evaluate(paced, [loud, PROPERTIES, SAMPLES, CALLS_A_SAMPLE]);
    // What was put off is paid within this time: batches, storage, answers.
    await page.waitForTimeout(START_MS);
    return { ...timed, workMs: (await mainThreadMs(devtools)) - before };
  });
}

/** In the page. Each sample is a few calls in a row: the clock knows 5 us only. Between samples the page breathes. */
async function paced([loud, properties, samples, callsASample]) {
  const call = window.rivalTrack ?? ((members) => window.sillage.track("Product Viewed", members));
  const track = loud ? call : () => {};
  const breath = () => new Promise((resolve) => setTimeout(resolve, 20));
  const began = performance.now();
  track({ ...properties });
  const result = { firstUs: 1000 * (performance.now() - began), samples: [] };
  for (let sample = 0; sample < samples; sample++) {
    await breath();
    const members = Array.from({ length: callsASample }, (_, index) => ({ ...properties, quantity: sample + index }));
    const from = performance.now();
    for (const one of members) track(one);
    result.samples.push((1000 * (performance.now() - from)) / callsASample);
  }
  return result;
}
