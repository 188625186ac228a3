import { stat, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { measureBlocking } from "./blocking.mjs";
import { launch } from "./browser.mjs";
import { measureCost } from "./cost.mjs";
import { barePage, contentPage, SITE_SCRIPT } from "./pages.mjs";
import { RIVALS } from "./rivals.mjs";
import { startSink } from "./sink.mjs";
import { bundle, ourFiles, version, weigh, weighOurs } from "./sizes.mjs";

const HELP = `node measure.mjs [--only sizes,cost,blocking] [--rivals a,b | all] [--repeats N] [--json FILE]
SILLAGE_TAG_DIST: where the built tag lies; default bindings/js/dist. CHROMIUM: the browser.`;
const DEFAULT_RIVALS = "snowplow,segment,posthog";

const options = parse(process.argv.slice(2));
const dist = process.env.SILLAGE_TAG_DIST ?? new URL("../../../bindings/js/dist", import.meta.url).pathname;
const files = await ourFiles(dist);
const result = { measured: new Date().toISOString(), machine: `${cpus().length} x ${cpus()[0]?.model}` };

const bundles = new Map();
for (const rival of RIVALS) bundles.set(rival.name, await bundle(rival));

if (options.only.has("sizes")) {
  result.sizes = weighOurs(files);
  for (const rival of RIVALS) {
    const name = `${rival.package} ${await version(rival)}: ${rival.name}`;
    result.sizes.push({ name, ...weigh(bundles.get(rival.name)) });
  }
  result.sizes.sort((a, b) => a.gzip - b.gzip);
  print("Bytes", result.sizes, ["raw", "gzip", "brotli"], 0);
}

if (options.only.has("cost") || options.only.has("blocking")) {
  const sink = await startSink();
  try {
    const subjects = serveSubjects(sink);
    const browser = await launch();
    result.browser = browser.version();
    await browser.close();
    if (options.only.has("cost")) {
      result.cost = await measureCost(sink, subjects, options.repeats);
      print(`Main thread, desktop (chromium ${result.browser}, medians of ${options.repeats})`, result.cost, [
        ["evaluationMs", "script evaluation + init, ms"],
        ["startMs", "work of the first 3 s beyond the page's own, ms"],
        ["longTasks", "tasks > 50 ms"],
        ["firstUs", "first track, us"],
        ["trackUs", "track median, us"],
        ["trackP95Us", "track p95, us"],
        ["allInUs", "all work per event, us"],
        ["requests", "requests taken"],
      ]);
    }
    if (options.only.has("blocking")) {
      result.blocking = await measureBlocking(sink, subjects, options.repeats);
      print(`Total blocking time, CPU x4 slower, content page (medians of ${options.repeats})`, result.blocking, [
        ["blockingMs", "TBT, ms"],
        ["addedMs", "added to the page alone, ms"],
        ["longTasks", "tasks > 50 ms"],
        ["longestMs", "longest, ms"],
      ]);
    }
  } finally {
    await sink.stop();
  }
}

if (!files.has("tag.js")) {
  console.log(`\nNOT MEASURED: ours. There is no tag.js in ${dist}; \`make tag\` builds it.`);
}
const text = JSON.stringify(result);
if (options.json) await writeFile(options.json, text);
else console.log(`\n${text}`);

/** Puts every subject's pages and scripts on the sink, and says where they are. */
function serveSubjects(sink) {
  const subjects = [];
  if (files.has("tag.js")) {
    const head = `<script defer src="/tag.js" data-key="key" data-api="${sink.origin}" data-auto></script>`;
    subjects.push({ name: "sillage", owner: "v1", script: "/tag.js", head });
    // The tag finds its core beside itself or below its version; the sink has it at either place.
    for (const [name, bytes] of files) sink.serveName(name, bytes);
  }
  const wanted = options.rivals === "all" ? undefined : new Set(options.rivals.split(","));
  for (const rival of RIVALS) {
    const owner = rival.name.split(/[ ,]/)[0];
    if (rival.sizesOnly || (wanted && !wanted.has(owner))) continue;
    const script = `/rivals/${owner}.js`;
    sink.serve(script, "text/javascript", bundles.get(rival.name));
    subjects.push({ name: rival.name, owner, script, head: `<script defer src="${script}"></script>` });
  }
  for (const { owner, head } of [...subjects, { owner: "none", head: "" }]) {
    sink.serve(`/bare/${owner}`, "text/html", barePage(head));
    sink.serve(`/content/${owner}`, "text/html", contentPage(head));
  }
  sink.serve("/site.js", "text/javascript", SITE_SCRIPT);
  return subjects.map((subject) => ({ ...subject, path: `/bare/${subject.owner}` }));
}

function print(title, rows, columns, digits) {
  const named = columns.map((column) => (Array.isArray(column) ? column : [column, column]));
  console.log(`\n### ${title}\n\n| | ${named.map(([, label]) => label).join(" | ")} |`);
  console.log(`|---|${"---:|".repeat(named.length)}`);
  for (const row of rows) {
    const cells = named.map(([field]) => shown(row[field], digits));
    console.log(`| ${row.name} | ${cells.join(" | ")} |`);
  }
}

/** Three significant figures, unless a number of digits is asked for. */
function shown(value, digits) {
  if (digits === 0) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function parse(words) {
  const chosen = { only: new Set(["sizes", "cost", "blocking"]), rivals: DEFAULT_RIVALS, repeats: 5, json: undefined };
  for (let at = 0; at < words.length; at += 2) {
    const value = words[at + 1];
    if (words[at] === "--only" && value) chosen.only = new Set(value.split(","));
    else if (words[at] === "--rivals" && value) chosen.rivals = value;
    else if (words[at] === "--repeats" && Number(value) > 0) chosen.repeats = Number(value);
    else if (words[at] === "--json" && value) chosen.json = value;
    else {
      console.error(HELP);
      process.exit(2);
    }
  }
  return chosen;
}
