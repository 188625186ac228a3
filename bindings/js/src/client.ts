import type { Host } from "./auto/host.js";
import { startCaptures } from "./auto/index.js";
import { type Call, clocks, isEvent, json, named, pause, rawBatch, uuid } from "./calls.js";
import { listen, signals } from "./consent.js";
import { type Core, Do } from "./core.js";
import { keep, kept, type Meta, names, readId, writeId } from "./identity.js";
import { type Known, lead, type Leader, type Numbered } from "./leader.js";
import { makePlace } from "./place.js";
import { configuration } from "./settings.js";
import { makeStore } from "./store.js";
import { transport } from "./transport.js";
import type { AutoSettings, CallOptions, Client, Properties, Settings } from "./types.js";

/** What tabs say to each other. */
type Said =
  /** Calls of a tab that has no core. */
  | { calls: Numbered[] }
  /** A leader is here, and knows this. */
  | { known: Known; fresh?: boolean }
  /** Of the calls of a tab, so many are in good hands. */
  | { to: string; taken: number }
  /** No leader is here any more. */
  | { gone: true }
  /** Who leads? */
  | { hello: true };

/** Calls that wait for a core; what comes beyond is not taken, and said on the console. */
const CALLS_MAX = 10_000;

/** When to try again to load the core, in ms. */
const RETRY_MS = 3_000;

/** How long calls may wait for an idle moment, in ms: short, because what is not handed over dies with the tab. */
const IDLE_MS = 100;

/** The tag's face of a client. */
export interface PageClient extends Client {
  /** Makes calls as if `ms` earlier, at a place that the page may have left since. */
  earlier_(ms: number, place: readonly [url: string, referrer: string, title: string], run: () => void): void;
}

/** What storage holds under a name; nothing if somebody else has written there. */
const parsed = <T>(name: string): T | undefined => {
  try {
    return JSON.parse(kept(name) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
};

/** A page's client. `core` gives a new core each time; `url` is where batches go; `more` loads the later captures. */
export const makeClient = (
  settings: Settings,
  api: string,
  core: () => Promise<Core>,
  more: NonNullable<Host["more"]>,
): PageClient => {
  const { key, identity = "cookie" } = settings;
  const stores = identity !== "none";
  /** Without locks, on plain HTTP, nobody can say which tab leads: each then is an installation, in memory. */
  const shares = stores && !!navigator.locks;
  const name = `sillage:${key}`;
  const tab = uuid();
  const wire = transport(`${api}/v1/batch?key=${encodeURIComponent(key)}`);

  const { required = [], byEvent, gpc, dnt } = settings.consent ?? {};
  /** Whether an answer, or a signal of the browser, may forbid to keep anything. */
  const isAsked = required.length > 0 || !!byEvent || gpc === "deny" || dnt === "deny";

  let meta: Meta | undefined;
  let isRecalled = false;
  let told: Known | undefined;
  let calls: Call[] = [];
  let posted: Numbered[] = [];
  /** What this page has left for another, or for itself if it comes back. */
  let behind: Numbered[] = [];
  /** The device as the cookie has it. */
  let device: string | undefined;
  let number = 0;
  let leader: Leader | undefined;
  let release: (() => void) | undefined;
  let channel: BroadcastChannel | undefined;
  let [led, left, scheduled, opening] = [false, false, false, false];
  let earlier = 0;
  /** Counts starts: a page may be left, and come back, while one is under way. */
  let begun = 0;
  let unauto: (() => void) | undefined;
  const place = makePlace(settings);
  const segmentsHeard = new Set<(segments: readonly string[]) => void>();

  /** Another tab may have led since this one looked. */
  const recall = () => {
    isRecalled = true;
    if (stores) meta = parsed<Meta>(name) ?? meta;
  };

  /** Read when it is asked for: storage's first answer takes a page's time. */
  const remembered = () => {
    if (!isRecalled) recall();
    return meta;
  };

  /** Whether something may be kept before the core says so. */
  const mayKeep = () => shares && (!!remembered() || !isAsked);
  const segments = () => told?.segments ?? remembered()?.s ?? [];

  const call = (command: Do, ...rest: (string | number)[]) => {
    if (calls.length + posted.length >= CALLS_MAX)
      return console.warn("sillage: a call was not taken, the core does not come");
    // The captures know better where the visitor is: they see routes come and go.
    if (!earlier && !unauto) place.look_();
    const [at, wall] = clocks();
    calls.push([command, at - earlier, wall - earlier, place.text_(), "", ...rest]);
    if (left) leave();
    else if (!scheduled) {
      scheduled = true;
      (self.requestIdleCallback ?? setTimeout)(handOver, { timeout: IDLE_MS } as never);
    }
  };

  const event = (command: Do, first: string, second: string, object?: Properties, options?: CallOptions) => {
    const at = +(options?.timestamp ?? 0);
    call(command, `${first ?? ""}`, `${second ?? ""}`, json(object), json(options?.context), 0, "", "", at);
  };

  const numbered = (): Numbered[] => calls.splice(0).map((call) => [tab, ++number, named(call)]);

  /** To the core, to the tab that has it, or nowhere yet. */
  const handOver = () => {
    scheduled = false;
    if (leader) leader.take_(numbered());
    else if (led) post(numbered());
  };

  const post = (fresh: Numbered[]) => {
    posted.push(...fresh);
    if (fresh.length) channel?.postMessage({ calls: fresh } satisfies Said);
  };

  const know = (known: Known) => {
    const before = segments().join();
    told = known;
    if (leader && stores) {
      const before = JSON.stringify(meta);
      const { install: i, anonymousId: a, userId: u, witness: w, segments: s } = known;
      if (w) meta = shares ? { i, a, u, w, s } : { i: "", a, u, w: 0, s };
      else if (known.created) forget();
      if (meta && JSON.stringify(meta) !== before) keep(name, JSON.stringify(meta));
      if (meta && identity === "cookie" && a !== device && readId() !== a) writeId(a);
      device = meta && a;
    }
    if (before !== segments().join()) for (const heard of segmentsHeard) heard(segments());
  };

  const forget = () => {
    meta = undefined;
    for (const one of [name, ...names(`${name}:`)]) keep(one, undefined);
    if (readId()) writeId("");
  };

  /** Takes up what tabs left behind when they ended. */
  const adopt = () => {
    for (const one of names(`${name}:`))
      leader?.take_(parsed<Numbered[]>(one) ?? [], (isStored) => isStored && keep(one, undefined));
  };

  const become = async () => {
    const mine = ++begun;
    const isOver = () => left || mine !== begun;
    const made = await core().catch(() => undefined);
    if (isOver()) return;
    if (!made) return void setTimeout(become, RETRY_MS);
    recall();
    const store = shares && self.indexedDB ? makeStore(name, uuid()) : undefined;
    const world = {
      send_: wire.send_,
      told_: (known: Known) => {
        know(known);
        channel?.postMessage({ known } satisfies Said);
      },
    };
    const [now, wall] = clocks();
    const state = [
      Do.Privacy,
      now,
      wall,
      ...signals(),
      Do.Lifecycle,
      now,
      wall,
      navigator.onLine ? 2 : 3,
      Do.Lifecycle,
      now,
      wall,
      document.hidden ? 1 : 0,
    ];
    const leavers = new Set(names(`${name}:`).map((one) => one.slice(name.length + 1)));
    const ids = { witness: meta?.w ?? 0, install: meta?.i ?? "", anonymousId: readId() || (meta?.a ?? "") };
    const start = { ...ids, settings: configuration(settings), state, left: leavers, isOver_: isOver };
    opening = true;
    const leads = await lead(
      made,
      mayKeep() ? store : store && { ...store, begin_: async () => [] },
      world,
      start,
    ).catch(() => lead(made, undefined, world, start)); // a store that cannot be read
    if (!isOver()) opening = false;
    await pause();
    if (isOver()) return leads.stop_();
    leader = leads;
    leader.give_(Do.Context, place.text_());
    adopt();
    leader.take_([...posted.splice(0), ...numbered()]);
    channel?.postMessage({ known: told!, fresh: true } satisfies Said);
  };

  const hear = ({ data }: MessageEvent<Said>) => {
    if ("calls" in data) {
      const last = data.calls.at(-1);
      if (last)
        leader?.take_(data.calls, () => channel?.postMessage({ to: last[0], taken: last[1] } satisfies Said));
      // Another tab is hidden; this one, which has the core, is not.
      const isOther = data.calls.some(([, , [command]]) => command === Do.Lifecycle);
      if (!document.hidden && isOther) leader?.give_(Do.Lifecycle, 0);
    } else if ("known" in data) {
      if (leader) return;
      know(data.known);
      if (!led || data.fresh) {
        led = true;
        channel?.postMessage({ calls: posted } satisfies Said);
      }
      handOver();
    } else if ("to" in data) {
      if (data.to === tab) posted = posted.filter(([, number]) => number > data.taken);
    } else if ("gone" in data) led = false;
    else if (leader) channel?.postMessage({ known: told! } satisfies Said);
  };

  const start = () => {
    left = led = opening = false;
    release?.();
    wire.gone_(false);
    // Who took it up meanwhile knows these numbers.
    posted = behind.splice(0);
    if (!shares) return void become();
    channel = new BroadcastChannel(name);
    channel.onmessage = hear;
    channel.postMessage({ hello: true } satisfies Said);
    const waiting = new AbortController();
    release = () => waiting.abort();
    navigator.locks
      .request(
        name,
        { signal: waiting.signal },
        () =>
          new Promise<void>((done) => {
            release = done;
            void become();
          }),
      )
      .catch(() => {}); // the page was left while it waited
  };

  /** The page may be gone after this. It may also come back. */
  const leave = () => {
    left = true;
    begun++; // a start that is under way, and thawed before the next one, is over
    wire.gone_(true);
    let open = [...posted.splice(0), ...numbered()];
    if (leader) {
      leader.take_(open);
      open = leader.leave_();
      if (meta) keep(name, JSON.stringify((meta = { ...meta, w: leader.stored_ })));
    } else if (led) channel?.postMessage({ calls: open } satisfies Said);
    else if (!told && mayKeep()) beacon(open);
    behind.push(...open);
    if (behind.length && mayKeep()) keep(`${name}:${tab}`, JSON.stringify(behind));
    leader?.stop_();
    if (leader) channel?.postMessage({ gone: true } satisfies Said);
    leader = undefined;
    channel?.close();
    channel = undefined;
    led = false;
    // A page that is frozen while its store opens would keep every other from opening it. Browsers freeze none
    // that has a lock; they end it, and the lock and the opening with it.
    if (!opening) release?.();
  };

  /** The core is not here yet: the page speaks for it. What the core may still leave out is not sent so. */
  const beacon = (open: readonly Numbered[]) => {
    const all = open.map(([, , call]) => call);
    const end = all.findIndex(([command]) => command === Do.Reset || command === Do.Consent);
    const sure = end < 0 ? all : all.slice(0, end);
    if (!sure.some(isEvent) || settings.sampling || byEvent) return;
    recall();
    meta ??= { i: uuid(), a: readId() || uuid(), u: "", w: 0, s: [] };
    keep(name, JSON.stringify(meta));
    if (identity === "cookie") writeId(meta.a);
    wire.beacon_(
      rawBatch(
        sure,
        { install: meta.i, anonymousId: meta.a, userId: meta.u },
        meta.w + behind.filter(([, , call]) => isEvent(call)).length,
      ),
    );
  };

  const listenToPage = () => {
    const lifecycle = (state: number) => {
      call(Do.Lifecycle, state);
      handOver();
    };
    addEventListener("online", () => lifecycle(2));
    addEventListener("offline", () => lifecycle(3));
    addEventListener("visibilitychange", () => left || lifecycle(document.hidden ? 1 : 0));
    addEventListener("pagehide", () => left || leave());
    addEventListener("pageshow", ({ persisted }) => persisted && left && start());
    addEventListener(
      "storage",
      ({ key: changed, newValue }) => newValue && changed?.startsWith(`${name}:`) && adopt(),
    );
  };

  const settled = (timeoutMs = 5_000) =>
    new Promise<boolean>((resolve) => {
      const end = performance.now() + timeoutMs;
      const look = () => {
        const isDone = !!told?.idle && !posted.length && !calls.length;
        if (isDone || performance.now() > end) resolve(isDone);
        else setTimeout(look, 20);
      };
      handOver();
      call(Do.Lifecycle, 4);
      handOver();
      setTimeout(look, 20);
    });

  const client: PageClient = {
    track: (name, properties, options) => event(Do.Track, name, "", properties, options),
    page: (category, name, properties, options) =>
      name === undefined
        ? event(Do.Page, category ?? "", "", properties, options)
        : event(Do.Page, name, category ?? "", properties, options),
    identify: (userId, traits, options) => event(Do.Identify, userId ?? "", "", traits, options),
    group: (groupId, traits, options) => event(Do.Group, groupId, "", traits, options),
    alias: (userId, options) => event(Do.Alias, userId, "", undefined, options),
    reset: () => call(Do.Reset),
    consent: (choices) => {
      const said = Object.entries(choices);
      call(Do.Consent, said.length, ...said.flatMap(([category, granted]) => [category, granted ? 1 : 0]));
    },
    context: place.set_,
    segments,
    onSegmentsChanged: (listener) => {
      segmentsHeard.add(listener);
      if (segments().length) listener(segments());
      return () => segmentsHeard.delete(listener);
    },
    anonymousId: () => told?.anonymousId ?? remembered()?.a ?? "",
    flush: settled,
    ledger: async () => {
      const {
        created = 0,
        acknowledged = 0,
        pending = 0,
        rejected = {},
        dropped = {},
        unsure = {},
      } = told ?? {};
      return { created, acknowledged, pending, rejected, dropped, unsure };
    },
    earlier_: (ms, [url, referrer, title], run) => {
      earlier = ms;
      place.at_(url, referrer, title, run);
      earlier = 0;
    },
    auto: (wanted: boolean | AutoSettings) => {
      unauto?.();
      unauto = undefined;
      if (wanted)
        unauto = startCaptures({
          track: client.track,
          page: (properties) => client.page(undefined, undefined, properties),
          setContext: place.set_,
          more,
          settings: wanted === true ? {} : wanted,
        });
    },
  };

  listen(settings.consent, client.consent);
  listenToPage();
  // One thing a task, so that none of them is long on a slow phone.
  setTimeout(() => {
    if (settings.auto) client.auto(settings.auto);
    setTimeout(() => {
      if (left) return;
      const { prerendering } = document as Document & { prerendering?: boolean };
      if (prerendering) document.addEventListener("prerenderingchange", start, { once: true });
      else start();
    });
  });
  return client;
};
