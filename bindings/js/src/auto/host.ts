import type { AutoSettings, Properties } from "../types.js";
import type { Start } from "./capture.js";

/** Where the visitor is. Becomes `context.page` of every event. */
export type Page = {
  readonly url: string;
  readonly path: string;
  readonly search: string;
  readonly title: string;
  readonly referrer: string;
};

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
  /** Members of the context of this and all later events (`page`, `campaign`, `referrer`). `undefined` removes one. */
  setContext(members: Properties): void;
  readonly settings: AutoSettings;
  /** Loads `more.ts`. Asked once, if anything is wanted. Without it what is in there does not begin. */
  more?(): Promise<Readonly<Record<string, Start>>>;
}
