// watch.mjs [--cluster] [--state FILE] URL PROJECT
//
// Follows who enters and leaves segments: a line of JSON for each, and one when changes may be missing.
// With --state it goes on, after a restart, where it was.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { createClient, createCluster } from "redis";
import { settings, within } from "./hero.mjs";

const BLOCK_MS = 2000; // how long Redis keeps a question that has no answer yet
const CHECK_MS = 5000; // how often to look whether the stream is still the one that was followed
const BATCH = 1000;
const PAUSES_MS = [100, 200, 500, 1000, 2000]; // between attempts to reach Redis

function precedes(one, other) {
  const [ms, number] = one.split("-").map(Number);
  const [otherMs, otherNumber] = other.split("-").map(Number);
  return ms < otherMs || (ms === otherMs && number < otherNumber);
}

/**
 * Follows the change stream of a project; `last` is the entry that was told last.
 *
 * It has a connection of its own: whoever shares one with a blocking command waits for it.
 */
export class Watcher {
  #redis = null;
  #open;
  #key;
  #closed = new AbortController();
  // How many entries the stream had ever been given when it was checked, and those read since.
  #added = 0;
  #read = 0;
  #checked = 0;

  constructor(url, project, { after = null, cluster = false } = {}) {
    // Without pings, which would wait behind a blocking command; `within` notices what hangs.
    const defaults = { ...settings(url), pingInterval: undefined };
    defaults.socket = { connectTimeout: 1000, reconnectStrategy: false };
    this.#open = () => (cluster ? createCluster({ rootNodes: [{ url }], defaults }) : createClient(defaults));
    this.#key = `sl:${project}:changes`;
    this.last = after;
  }

  /**
   * Ends when it is closed. `live` when Redis answers, `lost` when it does not any more, `changes`
   * with some of them, and `gap` when there were changes that nobody can tell now.
   */
  async *events() {
    let live = false;
    let failures = 0;
    while (!this.#closed.signal.aborted) {
      try {
        if (!this.#redis) await this.#connect();
        let gap = !live || performance.now() - this.#checked > CHECK_MS;
        gap &&= await within(BLOCK_MS, this.#hasGap());
        if (!live) {
          [live, failures] = [true, 0];
          yield { kind: "live", changes: [] };
        }
        if (gap) yield { kind: "gap", changes: [] };
        // Longer than Redis waits, so that a connection that hangs is noticed.
        const changes = await within(BLOCK_MS + 2000, this.#entries());
        if (changes.length > 0) yield { kind: "changes", changes };
      } catch {
        this.#redis?.destroy();
        this.#redis = null;
        if (this.#closed.signal.aborted) return;
        if (live || failures === 0) yield { kind: "lost", changes: [] };
        live = false;
        await this.#pause(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)]);
        failures += 1;
      }
    }
  }

  async #connect() {
    const redis = this.#open();
    redis.on("error", () => {});
    try {
      await within(BLOCK_MS, redis.connect());
      if (this.#closed.signal.aborted) throw new Error("closed while it connected");
    } catch (error) {
      redis.destroy();
      throw error;
    }
    this.#redis = redis;
  }

  async #pause(ms) {
    const { signal } = this.#closed;
    if (signal.aborted) return;
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
  }

  async #entries() {
    // After the last entry by its id: `$` would miss what comes between two questions.
    const streams = [{ key: this.#key, id: this.last }];
    const reply = await this.#redis.xRead(streams, { COUNT: BATCH, BLOCK: BLOCK_MS });
    const changes = (reply?.[0]?.messages ?? []).map(({ id, message }) => {
      return { entry: id, ...message, at: Number(message.at), v: Number(message.v) };
    });
    this.last = changes.at(-1)?.entry ?? this.last;
    this.#read += changes.length;
    return changes;
  }

  /**
   * Whether what followed `last` is gone: trimmed, or the stream is a new one, as it is when the
   * collector's own face or a Redis without a disk starts again.
   */
  async #hasGap() {
    const info = await this.#redis.xInfoStream(this.#key).catch((error) => {
      if (!String(error.message).includes("no such key")) throw error;
      return { "first-entry": null, "last-generated-id": "0-0", "entries-added": 0, length: 0 };
    });
    const first = info["first-entry"]?.id;
    const last = info["last-generated-id"];
    const expected = this.#added + this.#read;
    const added = info["entries-added"] ?? expected; // Redis 6 does not count them
    this.#checked = performance.now();
    [this.#added, this.#read] = [added, 0];
    if (this.last === null) {
      this.last = last;
      return false;
    }
    const isNew = added < expected || precedes(last, this.last);
    const isCut = first !== undefined && this.last !== "0-0" && precedes(this.last, first);
    if (isNew || isCut) {
      // What is there now comes after the gap.
      this.last = "0-0";
      this.#added = added - info.length;
    }
    return isNew || isCut;
  }

  close() {
    this.#closed.abort();
    this.#redis?.destroy();
  }
}

async function main() {
  const options = { cluster: { type: "boolean", default: false }, state: { type: "string" } };
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  const after = values.state && existsSync(values.state) ? readFileSync(values.state, "utf8") : null;
  const watcher = new Watcher(positionals[0], positionals[1], { after, cluster: values.cluster });
  for await (const { kind, changes } of watcher.events()) {
    for (const row of changes.length > 0 ? changes : [{ event: kind }]) console.log(JSON.stringify(row));
    if (values.state && watcher.last) {
      // After it was told, and in one step: a kill repeats changes rather than losing them.
      writeFileSync(`${values.state}.new`, watcher.last);
      renameSync(`${values.state}.new`, values.state);
    }
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
