import { addresses } from "./address.js";
import { Moment, type Guard, type On, type Patch, type Site, type Start } from "./capture.js";
import { clicks } from "./clicks.js";
import { engagement } from "./engagement.js";
import type { Host } from "./host.js";
import { scroll } from "./scroll.js";
import { views } from "./views.js";

/** What has to hear the page from its first moment. `engagement` asks `scroll` how far it came, so it comes after. */
const FIRST: Record<string, Start> = { pages() {}, clicks, scroll, engagement };

/** Captures what `host.settings` ask for until the returned function is called, which takes back all of it. */
export const startCaptures = (host: Host): (() => void) => {
  const settings = host.settings as Record<string, unknown>;
  const control = new AbortController();
  const { signal } = control;
  const heard: Record<string, ((event?: any) => void)[]> = { [Moment.Begins]: [], [Moment.Leaves]: [] };
  const tell = (type: string, event?: Event) => heard[type]!.forEach((hear) => hear(event));
  const site: Site = { host, signal, address: addresses(settings), tell };

  const begin = (start: Start) => {
    let live = true;
    const guard: Guard =
      (work) =>
      (...given) => {
        try {
          if (live && !signal.aborted) work(...given);
        } catch {
          live = false;
        }
      };
    const on: On = (types, hear) =>
      types.split(" ").forEach((type) => {
        if (!heard[type]) {
          heard[type] = [];
          // What a script makes up was not done by the visitor.
          addEventListener(type, (event) => event.isTrusted && tell(type, event), {
            capture: true,
            passive: true,
            signal,
          });
        }
        heard[type]!.push(guard(hear));
      });
    const patch: Patch = (owner: any, name, called) => {
      const before = owner[name];
      if (!before) return;
      const after = (owner[name] = new Proxy(before, {
        apply(...call) {
          const result = Reflect.apply(...call);
          guard(called)(result, call[2]);
          return result;
        },
      }));
      signal.addEventListener("abort", () => {
        // Somebody may have patched it since; then ours stays beneath and does nothing more.
        if (owner[name] == after) owner[name] = before;
      });
    };
    guard(start)(site, on, guard, patch);
  };

  let isBegun = false;
  const beginAll = (starts: Readonly<Record<string, Start>>) => {
    for (const name in starts) {
      if (settings[name] ?? !/vitals|errors/.test(name)) {
        // None can do without views, and without any there need be none.
        if (!isBegun) begin(views);
        isBegun = true;
        begin(starts[name]!);
      }
    }
  };
  const go = () => {
    beginAll(FIRST);
    host.more?.().then(beginAll, () => {});
  };
  // A page that is rendered ahead has no visitor yet.
  if ((document as any).prerendering) begin((_, on) => on("prerenderingchange", go));
  else go();
  return () => control.abort();
};
