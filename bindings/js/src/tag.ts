// What `<script defer src=".../tag.js" data-key="…">` runs. It takes up what the snippet has queued.
import { makeClient, type PageClient } from "./client.js";
import { type Exports, load } from "./core.js";
import type { AutoSettings, Settings } from "./types.js";

declare const CORE_INTEGRITY: string;
declare const VERSION: string;

/** What was called before the tag was there: with its moment and place by the snippet, bare by Tag Manager. */
type Early = ArrayLike<unknown> & {
  0: ArrayLike<unknown> | string;
  1?: number;
  2?: string;
  3?: string;
  4?: string;
};

type Global = ((method: string, ...args: never[]) => unknown) & { q?: Early[] };

const script = document.currentScript as HTMLScriptElement;
const folder = new URL(".", script.src).href;
const version = `v/${VERSION}/`;
const home = folder.endsWith(version) ? folder.slice(0, -version.length) : folder;
const core = home + version;

/** `data-auto="vitals -clicks"`: with web vitals and without clicks; else what is on by default. */
const automatic = ({ auto = "", query, hash }: DOMStringMap): boolean | AutoSettings => {
  if (/^(false|off)$/.test(auto)) return false;
  const switches = auto.split(/[\s,]+/).filter((word) => word && word !== "true");
  return {
    ...Object.fromEntries(switches.map((word) => (word[0] === "-" ? [word.slice(1), false] : [word, true]))),
    ...(query && { query: query.split(/[\s,]+/) }),
    ...(hash !== undefined && { hash: true }),
  };
};

const fromScript = (data: DOMStringMap): Settings => ({
  key: data.key!,
  ...(data.api && { api: data.api }),
  ...(data.identity && { identity: data.identity as "cookie" }),
  auto: automatic(data),
  consent: {
    ...(data.consent && { required: data.consent.split(/[\s,]+/) }),
    googleConsentMode: data.googleConsent !== undefined,
    tcf: data.tcf !== undefined,
    ...(data.gpc && { gpc: data.gpc as "deny" }),
    ...(data.dnt && { dnt: data.dnt as "deny" }),
  },
});

let client: PageClient | undefined;

const init = (settings: Settings) => {
  if (client) return;
  const source = {
    wasm: `${core}core.wasm`,
    integrity: CORE_INTEGRITY,
    fallback: async () => ((await import(`${core}core.js`)) as { open(): Exports }).open(),
  };
  client = makeClient(
    { auto: true, ...settings },
    (settings.api ?? home).replace(/\/$/, ""),
    () => load(source),
    async () => ((await import(`${core}more.js`)) as typeof import("./auto/more.js")).more,
  );
  Object.assign(api, client);
  for (const early of waiting.splice(0)) early();
};

const waiting: (() => void)[] = [];

const api: Global = (method, ...args) => {
  if (method === "init") return init(args[0]!);
  const run = () => (client?.[method as "track"] as ((...args: never[]) => unknown) | undefined)?.(...args);
  return client ? run() : void waiting.push(run);
};

const page = window as never as { sillage?: Global };
const queue = page.sillage?.q ?? [];
page.sillage = api;
if (script.dataset.key) init(fromScript(script.dataset));
for (const early of queue) {
  const [args, at, url, referrer, title] = Array.from(early) as unknown as [
    ArrayLike<unknown> | string,
    number?,
    string?,
    string?,
    string?,
  ];
  const run = () => api(...(Array.from(typeof args === "string" ? early : args) as [string]));
  if (typeof args === "string" || !client) run();
  else client.earlier_(Date.now() - at!, [url!, referrer!, title!], run);
}
