import type { AutoSettings, Properties } from "../types.js";

/** Where the visitor is. Becomes `context.page` of every event. */
export interface Page {
  readonly url: string;
  readonly path: string;
  readonly search: string;
  readonly title: string;
  readonly referrer: string;
}

/** A page or route as a visitor sees it, from arrival to leaving. */
export interface View {
  /** Random; new with each route and each time the page comes back. */
  readonly id: string;
  readonly page: Page;
}

/** What captures need of the rest. They keep no reference to anything else of the SDK. */
export interface Host {
  track(event: string, properties: Properties): void;
  /** Sends `Page Viewed`, after `setContext`. */
  page(properties: Properties): void;
  /** Members of the context of this and all later events (`page`, `campaign`). `undefined` removes one. */
  setContext(members: Properties): void;
  readonly settings: AutoSettings;
}

/** What one kind of capture may hear of. Called in the order of starting. */
export interface Capture {
  /** A view begins; the one before has left. */
  viewed?(view: View): void;
  /** The page is hidden or left, or the view ends: the last moment to say something of it. May come several times. */
  leaving?(view: View, last: boolean): void;
  /** Takes back every listener and patch. */
  stop(): void;
}
