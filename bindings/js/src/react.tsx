// The client in React's terms. Nothing here looks at the page when it is imported or rendered on a server.
import { createContext, type ReactNode, useCallback, useContext, useMemo, useSyncExternalStore } from "react";
import { init } from "./index.js";
import type { Client, Settings } from "./types.js";

const Current = createContext<Client | undefined>(undefined);

/**
 * Gives everything below it the client of `settings.key`. A key has one client however often this is rendered, so
 * strict mode and several providers share it; settings other than the key are those of the first rendering in a page.
 */
export function SillageProvider({ settings, children }: { settings: Settings; children?: ReactNode }) {
  // `init` is idempotent by key: it does not matter if React forgets what it remembered, or renders twice.
  const client = useMemo(() => init(settings), [settings.key]);
  return <Current.Provider value={client}>{children}</Current.Provider>;
}

/** The client. On a server one that does nothing. Throws outside of a provider. */
export function useSillage(): Client {
  const client = useContext(Current);
  if (!client) throw new Error("useSillage and its kin need a <SillageProvider> above them");
  return client;
}

/**
 * The visitor's public segments, anew at each change; the same array while they stay the same. Empty on a server and
 * while its markup is hydrated, so that both render the same.
 */
export function useSegments(): readonly string[] {
  const client = useSillage();
  const subscribe = useCallback((changed: () => void) => client.onSegmentsChanged(changed), [client]);
  // A text, because the client may give another array each time and React compares by identity. Keys have no spaces.
  const text = useSyncExternalStore(subscribe, () => client.segments().join(" "), () => "");
  return useMemo(() => text.split(" ").filter(Boolean), [text]);
}

/** `track` alone, the same function at each rendering. */
export function useTrack(): Client["track"] {
  const client = useSillage();
  return useCallback<Client["track"]>((...call) => client.track(...call), [client]);
}
