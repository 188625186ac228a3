import type { Host, View } from "./host.js";

/** What all captures of a page share. Its members keep their names in builds: the two parts are built apart. */
export interface Site {
  readonly host: Host;
  /** Ends with the captures. */
  readonly signal: AbortSignal;
  /** An address as it may be told; `undefined` for one that must not be. */
  readonly address: (text: string | null | undefined) => URL | undefined;
  /** Tells every capture that a view begins or leaves. */
  readonly tell: (moment: Moment) => void;
  /** The view that was announced last. */
  view?: View;
  /** How far down the view was seen, in percent; reports the marks that this reaches if asked to. */
  depth?: (report?: boolean) => number;
}

/** Hears every event of these types, separated by blanks, wherever in the page it happens. */
export type On = (types: string, heard: (event: any) => unknown) => void;

/** Work that ends its capture instead of throwing, and does nothing once the capture has ended. */
export type Guard = <Given extends unknown[]>(work: (...given: Given) => void) => (...given: Given) => void;

/** Hears each call of a function of the browser after it returned. The page sees no difference. */
export type Patch = (owner: object, name: string, called: (result: any, given: any[]) => void) => void;

/** Begins one kind of capture. What it hears and patches is taken back for it. */
export type Start = (site: Site, on: On, guard: Guard, patch: Patch) => void;

/** What captures tell each other, beside what the browser tells them. An enum, because its values are inlined. */
export const enum Moment {
  /** A view begins; the one before has left. */
  Begins = "page",
  /** The page is hidden or left, or the view ends: the last moment to say something of it. May come several times. */
  Leaves = "hide",
}
