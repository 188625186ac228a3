import { Moment, type Start } from "./capture.js";

const enum Ms {
  /** After the last sign of life a visitor counts as engaged for this long. */
  Idle = 30_000,
  /** The engaged time of the first heartbeat; the next are at 30 s, at 60 s and at each further minute. */
  First = 10_000,
}

/**
 * Sends `Page Engaged` and `Page Left`. Time counts while the page is visible and something was done in the last half
 * minute; arriving is doing something. No timer runs while that is not so.
 */
export const engagement: Start = (site, on, guard) => {
  let engaged = 0;
  /** Up to when time was counted, and until when it counts without further signs, on the page's own clock. */
  let counted = 0;
  let until = 0;
  let due = 0;
  let timer = 0;

  const count = () => {
    const now = performance.now();
    engaged += Math.max(0, Math.min(now, until) - counted);
    counted = now;
  };
  const tell = (event: string, max_scroll_percent?: number) =>
    site.host.track(event, { view_id: site.view!.id, engaged_ms: Math.round(engaged), max_scroll_percent });
  const beat = () => {
    count();
    if (engaged >= due) {
      tell("Page Engaged");
      site.depth?.(true);
      due += due < 30_000 ? 20_000 : Math.min(due, 60_000);
    }
    timer = until > counted ? setTimeout(guard(beat), Math.min(due - engaged, until - counted)) : 0;
  };
  const live = () => {
    if (!document.hidden && site.view) {
      count();
      until = counted + Ms.Idle;
      if (!timer) beat();
    }
  };
  const rest = () => {
    count();
    clearTimeout(timer);
    until = timer = 0;
  };

  on("pointermove pointerdown keydown wheel touchmove visibilitychange", live);
  on("scroll timeupdate", ({ target }) => {
    // Carousels scroll, and what loops plays, without anybody.
    if (target == document || target.loop === false) live();
  });
  on(Moment.Begins, () => {
    rest();
    engaged = 0;
    due = Ms.First;
    live();
  });
  on(Moment.Leaves, () => {
    rest();
    tell("Page Left", site.depth?.());
  });
};
