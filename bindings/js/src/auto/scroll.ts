import { Moment, type Start } from "./capture.js";
import { root } from "./element.js";

/** Percent of the page's height. */
const MARKS = [25, 50, 75, 90, 100];
/** Scrolling is looked at this long after it began, ms: often enough, and when the layout is done anyway. */
const enum Ms {
  Pause = 200,
}

/**
 * Sends `Scroll Depth Reached`. What is visible without scrolling counts once the visitor scrolls or was engaged for a
 * while, so that a short page is not "read to the end" by being opened.
 */
export const scroll: Start = (site, on, guard) => {
  let deepest = 0;
  let told = 0;
  let waiting = 0;

  const depth = (report?: boolean) => {
    const { scrollTop, clientHeight, scrollHeight } = root();
    deepest = Math.min(100, Math.max(deepest, Math.round(((scrollTop + clientHeight) / scrollHeight) * 100)));
    for (const percent of MARKS) {
      if (report && percent > told && percent <= deepest) {
        told = percent;
        site.host.track("Scroll Depth Reached", { percent, view_id: site.view!.id });
      }
    }
    return deepest;
  };
  const look = () => {
    if (waiting) depth(true);
    waiting = 0;
  };

  site.depth = depth;
  on("scroll", (event) => {
    if (event.target == document) waiting ||= setTimeout(guard(look), Ms.Pause);
  });
  on(Moment.Leaves, look);
  let { view } = site;
  on(Moment.Begins, () => {
    // Who scrolls before the first view is announced scrolls in that view.
    if (view) waiting = deepest = told = 0;
    view = site.view;
  });
};
