import type { AutoSettings } from "../types.js";

/** Parameters that say what brought the visitor: a campaign's (2: its member) or the click id of a network (3). */
export const ORIGIN = /^(utm_(\w+)|(\w*clk?id|[gw]braid|li_fat_id|epik|\w+_c(lick_)?id))$/i;

/**
 * Makes what reduces an address to what may be told: no credentials, of its query only what says where the visitor came
 * from and the names that were asked for, and no fragment unless fragments are routes. Of those, what looks like
 * parameters is cut: that is where logins put their tokens.
 */
export const addresses =
  ({ hash, query }: AutoSettings) =>
  (text: string | null | undefined): URL | undefined => {
    try {
      const url = new URL(text!, document.baseURI);
      url.username = url.password = "";
      url.hash = hash ? url.hash.split(/[?&=]/)[0]! : "";
      for (const name of [...url.searchParams.keys()]) {
        if (!ORIGIN.test(name) && !query?.includes(name)) url.searchParams.delete(name);
      }
      // Others hold content or code, not a place.
      if (text && !/^(javascript|data|blob):/.test(url.href)) return url;
    } catch {}
    return;
  };
