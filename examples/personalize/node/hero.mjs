// Looks up which variant of a page a person sees, in one round trip and within a deadline.
import { createClient, createCluster } from "redis";
import { answer, decide, fields, key } from "./decide.mjs";

const WARM_MS = 2000; // how long a program that starts waits for Redis

/** A connection's settings: it comes back by itself, and never lets a page wait for that. */
export const settings = (url) => ({
  url,
  disableOfflineQueue: true, // while it is away, commands fail at once instead of waiting for it
  commandsQueueMaxLength: 10_000, // and those that a hanging Redis has not answered are bounded
  pingInterval: 1000, // without an answer to these,
  socket: {
    socketTimeout: 5000, // a connection that hangs is closed, for another to be made
    connectTimeout: 1000,
    reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 2000) + Math.random() * 100,
  },
});

/** What `promise` gives within `ms`; a command that was sent goes on, and its answer is dropped. */
export function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Make one for each process: all lookups share its connection, and none waits for another. */
export class Hero {
  #redis;
  #connecting;
  #project;
  #meta;
  #page;
  #fields;

  constructor(url, project, page, { cluster = false } = {}) {
    this.#redis = cluster
      ? createCluster({ rootNodes: [{ url }], defaults: settings(url) })
      : createClient(settings(url));
    // Without a listener, the first lost connection would end the process.
    this.#redis.on("error", () => {});
    this.#project = project;
    this.#meta = `sl:${project}:meta`;
    this.#page = page;
    this.#fields = fields(page);
    this.#connecting = this.#redis.connect().catch(() => {});
  }

  /** Connects, so that the first page need not. A Redis that is down now may come later. */
  async warm() {
    const ms = Math.max(WARM_MS, this.#page.deadline_ms);
    await within(ms, this.#connecting.then(() => this.#redis.hGet(this.#meta, "schema"))).catch(() => {});
  }

  /** Never rejects: a page without its hero is worse than a page with the usual one. */
  async choose(person, now = undefined) {
    try {
      // Both are sent in one packet, for they are asked for in one turn.
      const both = Promise.all([
        this.#redis.hmGet(key(this.#project, person), this.#fields),
        this.#redis.hmGet(this.#meta, ["schema", "half_life_ms"]),
      ]);
      const [values, [schema, halfLife]] = await within(this.#page.deadline_ms, both);
      if (schema != null && schema !== "1") throw new Error(`keys of schema ${schema}`);
      const profile = Object.fromEntries(this.#fields.map((field, index) => [field, values[index]]));
      return decide(this.#page, profile, halfLife, now ?? Date.now());
    } catch {
      return answer(this.#page.default, "unavailable"); // count these in your metrics
    }
  }

  async close() {
    this.#redis.destroy();
  }
}
