import type { Start } from "./capture.js";
import { linkOf } from "./links.js";

/** Links to networks that hand over an address: what asks for a post does, what shows a profile does not. */
const SHARE = /^(?:https?:\/\/(?:[\w-]+\.)*)?(facebook|twitter|x|linkedin|whatsapp|wa|t|telegram|pinterest|reddit|tg|mailto)[.:].*?=(.*?https?(?::|%3a).*)/i;
const NAMES: Record<string, string> = { twitter: "x", wa: "whatsapp", t: "telegram", tg: "telegram", mailto: "email" };

/** Sends `Content Shared`. */
export const shares: Start = ({ host, address }, on, guard, patch) => {
  const tell = (network: string, url?: string) => host.track("Content Shared", { network, url: address(url)?.href });
  // The page keeps the very promise that the browser made.
  patch(navigator, "share", (shared: Promise<void>, [data]) => {
    shared.then(guard(() => tell("system", data.url ?? location.href)), () => {});
  });
  on("click auxclick", (event: MouseEvent) => {
    const [, network, query] = SHARE.exec(linkOf(event)?.getAttribute("href") || "") || [];
    // The address may stand alone or in a text.
    if (network) tell(NAMES[network] || network, /http\S+/.exec(new URLSearchParams("q=" + query).get("q")!)?.[0]);
  });
};
