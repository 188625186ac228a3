import type { Start } from "./capture.js";
import { linkOf } from "./links.js";

const HOST = "facebook|twitter|x|linkedin|whatsapp|wa|t|telegram|pinterest|reddit|tg|mailto";
/** Links to networks that hand over an address: what asks for a post does, what shows a profile does not. */
const SHARE = new RegExp(`^(?:https?://(?:[\\w-]+\\.)*)?(${HOST})[.:].*?\\?(.*https?(?::|%3a).*)`, "i");
const NAMES: Record<string, string> = { twitter: "x", wa: "whatsapp", t: "telegram", tg: "telegram", mailto: "email" };

/** Sends `Content Shared`. */
export const shares: Start = (site, on, guard, patch) => {
  const tell = (network: string, url?: string) =>
    site.host.track("Content Shared", { network, url: site.address(url)?.href });
  // The page keeps the very promise that the browser made.
  patch(navigator, "share", (shared: Promise<void>, [data]) => {
    shared.then(
      guard(() => tell("system", data.url ?? location.href)),
      () => {},
    );
  });
  on("click auxclick", (event: MouseEvent) => {
    const [, host, query] = SHARE.exec(linkOf(event)?.getAttribute("href") || "") || [];
    if (!host) return;
    const network = host.toLowerCase();
    // The address may stand alone or in a text.
    const texts = [...new URLSearchParams(query).values()].join(" ");
    tell(NAMES[network] || network, /https?:\S+/.exec(texts)?.[0]);
  });
};
