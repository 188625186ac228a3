import type { Start } from "./capture.js";
import { isPrivate, near, textOf } from "./element.js";

/** Endings of what a browser saves or hands to another program rather than shows as a page. */
const FILE =
  /\.(pdf|docx?|xlsx?|pptx?|od[tsp]|csv|txt|epub|zip|rar|7z|t?gz|dmg|pkg|exe|msi|deb|rpm|apk|iso|mp[34]|wav|mov|avi)$/i;

/** The link that a click follows, whichever button or key does it; none where nothing may be told. */
export const linkOf = (event: MouseEvent): HTMLElement | undefined =>
  event.button > 1 || isPrivate(event) ? undefined : near(event, "a[href]")[0];

/** Sends `File Downloaded` and `Link Clicked`. */
export const links: Start = ({ host, address }, on) => {
  on("click auxclick", (event: MouseEvent) => {
    const link = linkOf(event);
    if (!link) return;
    const url = address(link.getAttribute("href"));
    const href = url?.href;
    // What a page makes up for saving has no address, but a name.
    const saved = link.getAttribute("download");
    const name = saved || url?.pathname.split("/").pop() || "";
    if (saved != null || FILE.test(name)) {
      host.track("File Downloaded", { href, name, extension: /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() });
    } else if (href && /^(http|mailto:|tel:)/.test(href)) {
      // One host within the other is one site: shop.example.com and www.example.com.
      const [here, there] = [location, url].map(({ hostname }: any) => hostname.replace(/^(www\.)?/, "."));
      if (there == "." || (!here.endsWith(there) && !there.endsWith(here))) {
        host.track("Link Clicked", { href, text: textOf(link), outbound: true });
      }
    }
  });
};
