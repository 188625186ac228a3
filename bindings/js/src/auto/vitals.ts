import { Moment, type Start } from "./capture.js";

/** Slow interactions that are kept of a view: enough for the 98th percentile of five hundred. */
const SLOW_MAX = 10;
/** One in so many interactions may be slower than what is reported. */
const FORGIVEN = 50;
/** Layout shifts belong together that are less than this apart, ms, and for as long as that, ms. */
const [GAP_MS, WINDOW_MS] = [1_000, 5_000];

type Shift = PerformanceEntry & { value: number; hadRecentInput: boolean };
type Interaction = PerformanceEntry & { interactionId: number };

/**
 * Sends `Web Vitals Measured` when a view is hidden or left for the first time, as web.dev defines them. Loading is
 * measured once a page, as routes do not load. What the browser does not measure is left out.
 */
export const vitals: Start = (site, on, guard) => {
  /** When a page that was rendered ahead was shown. */
  const [navigation] = performance.getEntriesByType("navigation") as any[];
  const shown: number = navigation?.activationStart ?? 0;
  const behind = document.hidden;
  const takes: (() => void)[] = [];
  let told = "";
  let [lcp_ms, fcp_ms]: (number | undefined)[] = [];
  let [cls, sum, from, to] = [0, 0, 0, 0];
  let slow: Interaction[] = [];
  let [interactions, before] = [0, 0];

  const observe = (type: string, take: (entry: any) => void, more?: object) => {
    const all = guard((entries: PerformanceEntry[]) => entries.forEach(take));
    const observer = new PerformanceObserver((list) => all(list.getEntries()));
    try {
      observer.observe({ type, buffered: true, ...more });
    } catch {
      return; // a kind of entry that this browser does not know
    }
    takes.push(() => all(observer.takeRecords()));
    site.signal.addEventListener("abort", () => observer.disconnect());
  };
  const since = ({ startTime }: PerformanceEntry) => Math.max(0, Math.round(startTime - shown));
  const interacted = (entry: Interaction) => {
    if (!entry.interactionId) return;
    const same = slow.findIndex(({ interactionId }) => interactionId == entry.interactionId);
    if (same < 0) interactions++;
    else if (slow[same]!.duration >= entry.duration) return;
    else slow.splice(same, 1);
    slow.push(entry);
    slow.sort((a, b) => b.duration - a.duration).splice(SLOW_MAX);
  };
  const counted = () => (performance as any).interactionCount - before || interactions;

  observe("largest-contentful-paint", (entry) => {
    lcp_ms = since(entry);
  });
  observe("paint", (entry) => {
    if (entry.name == "first-contentful-paint") fcp_ms = since(entry);
  });
  observe("layout-shift", ({ value, startTime, hadRecentInput }: Shift) => {
    if (hadRecentInput) return;
    if (startTime - to >= GAP_MS || startTime - from >= WINDOW_MS) {
      from = startTime;
      sum = 0;
    }
    to = startTime;
    sum += value;
    cls = Math.max(cls, sum);
  });
  observe("event", interacted, { durationThreshold: 40 });
  observe("first-input", interacted);

  on(Moment.Begins, () => {
    // What the first view shifted before it was announced is its own.
    if (!told) return;
    cls = sum = interactions = 0;
    slow = [];
    before = (performance as any).interactionCount;
  });
  on(Moment.Leaves, () => {
    const view_id = site.view!.id;
    if (told == view_id) return;
    takes.forEach((take) => take());
    const slowest = slow[Math.min(slow.length - 1, Math.floor(counted() / FORGIVEN))];
    site.host.track("Web Vitals Measured", {
      view_id,
      ...(!told && { ttfb_ms: navigation && Math.max(0, Math.round(navigation.responseStart - shown)) }),
      // A tab that was opened behind others painted when it was looked at, not when it was ready.
      ...(!told && !behind && { fcp_ms, lcp_ms }),
      inp_ms: slowest && Math.round(slowest.duration),
      cls: Math.round(cls * 1e4) / 1e4,
    });
    told = view_id;
  });
};
