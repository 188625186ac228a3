// lookup.mjs [--cluster] [--now MS] [--page FILE] [--measure N] URL PROJECT [PERSON...]
//
// Prints which hero each person sees, a line of JSON for each; without persons, reads them from the
// standard input. With --measure, what N lookups of the first one took.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Hero } from "./hero.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cluster: { type: "boolean", default: false },
    now: { type: "string" },
    page: { type: "string", default: new URL("../hero.json", import.meta.url).pathname },
    measure: { type: "string" },
  },
});

async function measure(hero, person, lookups) {
  const took = [];
  let unavailable = 0;
  for (let n = 0; n < lookups; n++) {
    const started = performance.now();
    const answer = await hero.choose(person);
    took.push(Math.round((performance.now() - started) * 1000));
    if (answer.reason === "unavailable") unavailable += 1;
  }
  took.sort((a, b) => a - b);
  const at = (percent) => took[Math.floor((lookups * percent) / 100)];
  return { lookups, p50_us: at(50), p99_us: at(99), max_us: took.at(-1), unavailable };
}

const [url, project, ...persons] = positionals;
const hero = new Hero(url, project, JSON.parse(readFileSync(values.page, "utf8")), { cluster: values.cluster });
await hero.warm();
if (values.measure) {
  console.log(JSON.stringify(await measure(hero, persons[0], Number(values.measure))));
} else {
  const now = values.now === undefined ? undefined : Number(values.now);
  for await (const person of persons.length > 0 ? persons : createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await hero.choose(person, now)));
  }
}
await hero.close();
