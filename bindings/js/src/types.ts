/** What an app sees of the SDK. The words are those of the Segment specification and of docs/SDK.md. */

/** A value that JSON can hold. What it cannot hold is left out, as `JSON.stringify` does. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };

/** Properties of an event, or traits of a person or group. */
export type Properties = { readonly [name: string]: Json | undefined };

/** What may be said of a single event. */
export interface CallOptions {
  /** Laid over the shared context, member by member. */
  readonly context?: Properties;
  /** When it happened, if not now. */
  readonly timestamp?: Date | number;
}

/** What became of every event that this browser created: created = the sum of all others. */
export interface Ledger {
  readonly created: number;
  readonly acknowledged: number;
  readonly pending: number;
  /** By the collector's code. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Given up, and certainly never arrived, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Given up after a try whose answer never came, by reason. */
  readonly unsure: Readonly<Record<string, number>>;
}

/** What is captured without being asked for, each by its own switch. */
export interface AutoSettings {
  /** `Page Viewed`, also on routes of single-page apps and on pages that come back. Default on. */
  readonly pages?: boolean;
  /** `Element Clicked`. Default on. */
  readonly clicks?: boolean;
  /** `Scroll Depth Reached` at 25, 50, 75, 90 and 100 percent. Default on. */
  readonly scroll?: boolean;
  /** `Page Engaged` and `Page Left`: time in which the page was seen and used. Default on. */
  readonly engagement?: boolean;
  /** `Form Started` and `Form Submitted`; never what is typed. Default on. */
  readonly forms?: boolean;
  /** `Link Clicked` out of the site and `File Downloaded`. Default on. */
  readonly links?: boolean;
  /** `Video Playback *` of video elements. Default on. */
  readonly video?: boolean;
  /** `Content Shared`: the system's share sheet and links to networks. Default on. */
  readonly shares?: boolean;
  /** `Web Vitals Measured`: LCP, INP, CLS, FCP, TTFB. Default off. */
  readonly vitals?: boolean;
  /** `Application Crashed`: uncaught errors, at most ten a view. Default off. */
  readonly errors?: boolean;
  /** Query parameters of addresses that are kept beside campaign parameters and click ids. Default none. */
  readonly query?: readonly string[];
  /** Whether the part after # is a route of its own. Default off. */
  readonly hash?: boolean;
}

/** Consent categories and where the person's answer comes from. */
export interface ConsentSettings {
  /** Categories that every event needs. Until the person has answered, nothing is stored or sent. */
  readonly required?: readonly string[];
  /** Other categories for events of a name; none exempts it. */
  readonly byEvent?: Readonly<Record<string, readonly string[]>>;
  /** Listen to Google's consent mode: its signals become categories of the same names. */
  readonly googleConsentMode?: boolean;
  /** Listen to an IAB TCF 2.2 platform: purpose N becomes category `tcf_N`. */
  readonly tcf?: boolean;
  /** What Global Privacy Control means. Default `record`. */
  readonly gpc?: "ignore" | "record" | "deny";
  /** What Do Not Track means. Default `ignore`. */
  readonly dnt?: "ignore" | "record" | "deny";
}

/** How a page speaks to its collector. */
export interface Settings {
  /** The project's write key. */
  readonly key: string;
  /** Where the collector is: an origin, with a path if it lies behind one. Default: where the tag came from. */
  readonly api?: string;
  /** `true`: everything that is on by default; an object switches one by one. Default `false`, for tags `true`. */
  readonly auto?: boolean | AutoSettings;
  /** Consent. Default: nothing is required. */
  readonly consent?: ConsentSettings;
  /**
   * Where the device's id lives. `cookie`: a first-party cookie that subdomains share, and storage; `storage`: the
   * browser's storage of this origin alone; `none`: nothing is kept, each page is a device of its own. Default `cookie`.
   */
  readonly identity?: "cookie" | "storage" | "none";
  /** Members of the context of every event. */
  readonly context?: Properties;
  /** Share of events kept, by name, 0 to 1. */
  readonly sampling?: Readonly<Record<string, number>>;
  /** Names of events that are given up last, beside those that always are. */
  readonly keepLongest?: readonly string[];
}

/** What an app can do. No method throws, none waits. */
export interface Client {
  track(event: string, properties?: Properties, options?: CallOptions): void;
  page(category?: string, name?: string, properties?: Properties, options?: CallOptions): void;
  identify(userId: string | undefined, traits?: Properties, options?: CallOptions): void;
  group(groupId: string, traits?: Properties, options?: CallOptions): void;
  alias(userId: string, options?: CallOptions): void;
  /** The person has left: a new device id, nobody known, no segments. What is queued stays. */
  reset(): void;
  /** The person's answer, by category. Categories that are not named keep theirs. */
  consent(choices: Readonly<Record<string, boolean>>): void;
  /** Members of the context of every later event. */
  context(members: Properties): void;
  /** The visitor's public segments as last told, also of an earlier visit. */
  segments(): readonly string[];
  /** Calls back at once if there are any, and at each change; gives what ends it. */
  onSegmentsChanged(listener: (segments: readonly string[]) => void): () => void;
  /** The device's id; empty before it is known or while nothing may be stored. */
  anonymousId(): string;
  /** Settles when everything tracked before was delivered, or could not be for the time given (ms, default 5 000). */
  flush(timeoutMs?: number): Promise<boolean>;
  /** What became of every event of this browser. */
  ledger(): Promise<Ledger>;
  /** Starts or stops what is captured without being asked for. */
  auto(settings: boolean | AutoSettings): void;
}
