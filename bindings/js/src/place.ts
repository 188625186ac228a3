import { addresses } from "./auto/address.js";
import { json } from "./calls.js";
import type { Properties, Settings } from "./types.js";

declare const VERSION: string;

/** What a page tells of itself with every call: the SDK, the screen, the language, and where the visitor is. */
export const makePlace = (settings: Settings) => {
  const address = addresses(typeof settings.auto === "object" ? settings.auto : {});
  let members: Properties = {
    library: { name: "sillage-web", version: VERSION },
    // No time zone: asking for it the first time takes a page 20 to 80 ms.
    locale: navigator.language,
    screen: { width: screen.width, height: screen.height, density: devicePixelRatio },
    ...settings.context,
  };
  let text = json(members);
  let seen = "";

  const page = (url: string, referrer: string, title: string): Properties => {
    const at = address(url);
    const told = { url: at?.href, path: at && at.pathname + at.hash, search: at?.search, title };
    return { page: { ...told, referrer: address(referrer)?.href ?? "" } };
  };

  const place = {
    /** The context's JSON text; the same text as long as nothing changes. */
    text_: (): string => text,
    /** Members of it from now on. */
    set_: (more: Properties): void => {
      members = { ...members, ...more };
      text = json(members);
    },
    /** Reads where the visitor is, if it is another place than before. */
    look_: (): void => {
      if (seen === location.href) return;
      seen = location.href;
      place.set_(page(seen, document.referrer, document.title));
    },
    /** As if the visitor were elsewhere, while `run` runs. */
    at_: (url: string, referrer: string, title: string, run: () => void): void => {
      const now = text;
      text = json({ ...members, ...page(url, referrer, title) });
      run();
      text = now;
    },
  };
  return place;
};
