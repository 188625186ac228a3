// Live segments as OpenFeature flags: a flag is what Redis says of a person at this moment.
import {
  FlagNotFoundError,
  GeneralError,
  OpenFeatureEventEmitter,
  ProviderEvents,
  ProviderFatalError,
  StandardResolutionReasons as Reason,
  TargetingKeyMissingError,
  TypeMismatchError,
} from "@openfeature/server-sdk";
import { createClient, createCluster } from "redis";
import { settings, within } from "../../node/hero.mjs";
import { Watcher } from "../../node/watch.mjs";
import { Cache } from "./cache.mjs";
import { dependsOn, evaluate, typeOf } from "./evaluate.mjs";

const DEFAULTS = {
  deadlineMs: 50, // how long an evaluation may wait for Redis
  connectMs: 2000, // how long the provider may take to become ready
  ttlMs: 30_000, // how old a user's profile may be: scores and traits change without an entry in the stream
  deviceTtlMs: 2000, // a device's: once linked, its changes are told under its person's id
  staleMs: 300_000, // how old one may be while Redis cannot be read
  cacheMax: 10_000, // how many profiles are kept
  cluster: false,
  now: Date.now,
};

export class SillageProvider {
  metadata = { name: "sillage" };
  runsOn = "server";
  hooks = [];
  events = new OpenFeatureEventEmitter();
  #url;
  #project;
  #flags = new Map();
  #options;
  #cache;
  #redis = null;
  #watcher = null;
  #following = Promise.resolve();
  #isLive = false; // whether changes are followed, so that what is cached can be trusted
  #isInitialized = false;
  #lostTimer = null;

  /** `flags` gives each flag one of `segment`, `variants`, `score`, `profile`; see flags.json. */
  constructor(url, project, flags, options = {}) {
    this.#url = url;
    this.#project = project;
    this.#options = { ...DEFAULTS, ...options };
    this.#cache = new Cache(this.#options.cacheMax);
    for (const [name, flag] of Object.entries(flags)) this.#flags.set(name, { ...flag, type: typeOf(name, flag) });
  }

  /** Rejects if Redis is not there in time; the provider goes on trying, and tells when it is ready. */
  async initialize() {
    if (this.#redis) return;
    const { cluster, connectMs } = this.#options;
    const defaults = settings(this.#url);
    this.#redis = cluster ? createCluster({ rootNodes: [{ url: this.#url }], defaults }) : createClient(defaults);
    this.#redis.on("error", () => {}); // without a listener, a lost connection would end the process
    const connecting = this.#redis.connect();
    connecting.catch(() => {});
    this.#watcher = new Watcher(this.#url, this.#project, { cluster });
    this.#following = this.#follow(this.#watcher);
    try {
      const redis = this.#redis;
      checkSchema(await within(connectMs, connecting.then(() => redis.hGet(this.#meta, "schema"))));
    } catch (error) {
      if (error instanceof ProviderFatalError) await this.onClose(); // no use in trying again
      throw error;
    } finally {
      this.#isInitialized = this.#redis !== null;
    }
  }

  /** Back to what it was before `initialize`. */
  async onClose() {
    clearTimeout(this.#lostTimer);
    this.#watcher?.close();
    this.#redis?.destroy();
    await this.#following;
    this.#cache.clear();
    [this.#redis, this.#watcher, this.#isLive, this.#isInitialized] = [null, null, false, false];
  }

  resolveBooleanEvaluation(name, fallback, context) {
    return this.#resolve(name, "boolean", fallback, context);
  }

  resolveStringEvaluation(name, fallback, context) {
    return this.#resolve(name, "string", fallback, context);
  }

  resolveNumberEvaluation(name, fallback, context) {
    return this.#resolve(name, "number", fallback, context);
  }

  resolveObjectEvaluation(name, fallback, context) {
    return this.#resolve(name, "object", fallback, context);
  }

  /** How many profiles are cached. */
  get cached() {
    return this.#cache.size;
  }

  async #resolve(name, type, fallback, context) {
    const flag = this.#flags.get(name);
    if (!flag) throw new FlagNotFoundError(`no flag is called ${name}`);
    if (flag.type !== type) throw new TypeMismatchError(`${name} is a ${flag.type}, not a ${type}`);
    const { found, isStale, isCached } = await this.#profile(idOf(context));
    const resolution = evaluate(flag, fallback, found, this.#options.now());
    resolution.flagMetadata.cached = isCached;
    return isStale ? { ...resolution, reason: Reason.STALE } : resolution;
  }

  async #profile(id) {
    const { now, ttlMs, deviceTtlMs, staleMs, deadlineMs } = this.#options;
    const entry = this.#cache.get(id);
    const age = entry ? now() - entry.at : Infinity;
    const ttl = id.startsWith("a:") ? deviceTtlMs : ttlMs;
    if (this.#isLive && age < ttl && !entry.doubted) return { found: entry.found, isStale: false, isCached: true };
    try {
      const found = await within(deadlineMs, this.#cache.read(id, now(), () => this.#read(id)));
      return { found, isStale: false, isCached: false };
    } catch (error) {
      if (age < staleMs) return { found: entry.found, isStale: true, isCached: true };
      throw new GeneralError(`Redis did not tell: ${error.message}`);
    }
  }

  /** The whole profile, for all flags; both are sent in one packet. */
  async #read(id) {
    if (!this.#redis) throw new Error("the provider is closed");
    const [fields, [schema, halfLife]] = await Promise.all([
      this.#redis.hGetAll(`sl:${this.#project}:${id}`),
      this.#redis.hmGet(this.#meta, ["schema", "half_life_ms"]),
    ]);
    checkSchema(schema);
    return { fields, halfLife };
  }

  get #meta() {
    return `sl:${this.#project}:meta`;
  }

  async #follow(watcher) {
    for await (const { kind, changes } of watcher.events()) {
      if (watcher !== this.#watcher) return;
      if (kind === "live") this.#onLive();
      if (kind === "lost") this.#onLost();
      if (kind === "gap") {
        this.#cache.doubt();
        this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: [...this.#flags.keys()] });
      }
      if (kind === "changes") this.#onChanges(changes);
    }
  }

  #onLive() {
    clearTimeout(this.#lostTimer);
    this.#isLive = true;
    this.#cache.doubt(); // what was read before may have changed before
    // The SDK itself says so when `initialize` succeeds.
    if (this.#isInitialized) this.events.emit(ProviderEvents.Ready, { message: "Redis answers" });
  }

  #onLost() {
    this.#isLive = false;
    if (!this.#isInitialized) return;
    this.events.emit(ProviderEvents.Stale, { message: "Redis does not answer" });
    const { staleMs } = this.#options;
    const over = { message: `Redis has not answered for ${staleMs} ms`, errorCode: "GENERAL" };
    clearTimeout(this.#lostTimer);
    this.#lostTimer = setTimeout(() => this.events.emit(ProviderEvents.Error, over), staleMs).unref();
  }

  #onChanges(changes) {
    for (const { id } of changes) this.#cache.forget(id);
    const segments = new Set(changes.map(({ segment }) => segment));
    const changed = [...this.#flags].filter(([, flag]) => [...segments].some((key) => dependsOn(flag, key)));
    if (changed.length === 0) return;
    const flagsChanged = changed.map(([name]) => name);
    this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged, metadata: { changes: changes.length } });
  }
}

function checkSchema(schema) {
  if (schema != null && schema !== "1") throw new ProviderFatalError(`keys of schema ${schema} are not known here`);
}

function idOf(context) {
  if (context.targetingKey) return `u:${context.targetingKey}`;
  if (typeof context.anonymousId === "string" && context.anonymousId) return `a:${context.anonymousId}`;
  throw new TargetingKeyMissingError("a targeting key, the user's id, or the attribute anonymousId is needed");
}
