import { makeClient } from "./client.js";
import { type Exports, load } from "./core.js";
import type { Client, Ledger, Settings } from "./types.js";

export type {
  AutoSettings,
  CallOptions,
  Client,
  ConsentSettings,
  Json,
  Ledger,
  Properties,
  Settings,
} from "./types.js";

declare const CORE_INTEGRITY: string;

const clients = new Map<string, Client>();

const nothing: Ledger = { created: 0, acknowledged: 0, pending: 0, rejected: {}, dropped: {}, unsure: {} };

/** What a server renders with: it takes everything and does nothing. */
const silent: Client = {
  track() {},
  page() {},
  identify() {},
  group() {},
  alias() {},
  reset() {},
  consent() {},
  context() {},
  segments: () => [],
  onSegmentsChanged: () => () => {},
  anonymousId: () => "",
  flush: async () => true,
  ledger: async () => nothing,
  auto() {},
};

/** The client of a write key: the same one at each call. On a server, one that does nothing. */
export const init = (settings: Settings): Client => {
  if (typeof document === "undefined") return silent;
  let client = clients.get(settings.key);
  if (!client) {
    // An address, since a name would be taken for the source of that name when this is bundled.
    const plain = new URL("./core.js", import.meta.url).href;
    const fallback = async () => ((await import(/* @vite-ignore */ plain)) as { open: () => Exports }).open();
    const source = { wasm: new URL("./core.wasm", import.meta.url), integrity: CORE_INTEGRITY, fallback };
    client = makeClient(
      settings,
      settings.api ?? location.origin,
      () => load(source),
      async () => (await import("./auto/more.js")).more,
    );
    clients.set(settings.key, client);
  }
  return client;
};
