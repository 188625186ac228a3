import type { Json } from "../types.js";
import { ORIGIN } from "./address.js";
import { Moment, type Start } from "./capture.js";
import { uid } from "./element.js";
import type { Page } from "./host.js";

/** How long a route may take to set its title, or to lead on to another route, ms. Routers render in a frame or two. */
const enum Ms {
  Settling = 100,
}

/** Knows what view the visitor is in, and sends `Page Viewed` for each. All other captures live by it. */
export const views: Start = (site, on, guard, patch) => {
  const { host, address } = site;
  let page: Page | undefined;
  let referrer = address(document.referrer)?.href || "";
  let settling = 0;
  let left = false;

  const announce = () => {
    clearTimeout(settling);
    settling = 0;
    left = false;
    page = { ...page!, title: document.title };
    site.view = { id: uid(), page };
    host.setContext({ page });
    site.tell(Moment.Begins);
    if (host.settings.pages !== false) host.page({ ...page, view_id: site.view.id });
  };

  const leave = () => {
    // Who leaves before the title has settled was here all the same.
    if (settling) announce();
    if (!left) site.tell(Moment.Leaves);
    left = true;
  };

  const arrive = (again?: true) => {
    const url = address(location.href);
    if (!url || (!again && url.href == page?.url)) return;
    // A route that leads on at once was not seen by anybody; a page that comes back has left before.
    if (page && !settling && !again) {
      leave();
      referrer = page.url;
    }
    clearTimeout(settling);
    page = { url: url.href, path: url.pathname + url.hash, search: url.search, title: document.title, referrer };
    const campaign: { [name: string]: Json } = {};
    let click: Json | undefined;
    url.searchParams.forEach((id, type) => {
      const [, , member, network] = ORIGIN.exec(type) || [];
      if (member) campaign[member == "campaign" ? "name" : member] = id;
      if (network) click = { type, id };
    });
    host.setContext({ page });
    // A new origin takes the place of the one before, whichever of the two it tells.
    if (campaign.source || campaign.name || click) host.setContext({ campaign, referrer: click });
    settling = setTimeout(guard(announce), Ms.Settling);
  };

  const route = () => arrive();
  patch(history, "pushState", route);
  patch(history, "replaceState", route);
  on("popstate hashchange", route);
  on("pageshow", ({ persisted }) => persisted && arrive(true));
  on("pagehide visibilitychange", ({ type }) => {
    if (document.hidden || type == "pagehide") leave();
    else left = false;
  });
  arrive();
};
