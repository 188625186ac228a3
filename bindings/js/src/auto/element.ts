/** Elements on the way of an event that match, the innermost first; open shadow trees are seen through. */
export const near = (event: Event, selector: string): HTMLElement[] =>
  (event.composedPath() as HTMLElement[]).filter((element) => element.matches?.(selector));

/** Fields whose mere use is nobody's business, and what the page's author wants left out entirely. */
export const UNTOUCHED =
  "[data-private=all],[type=password],[autocomplete*=cc-],[autocomplete=one-time-code],[autocomplete*=-password]";

/** Whether it happened where nothing may be told of. */
export const isPrivate = (event: Event): boolean => !!near(event, UNTOUCHED + ",[data-private]")[0];

/** What scrolls when the page does. */
export const root = (): Element => document.scrollingElement || document.documentElement;

/** What nothing is read from: it holds what somebody typed, or no text for eyes. */
const UNREAD = "input,textarea,select,[contenteditable],[data-private],script,style";

/** The text that an element shows, at most 64 characters; empty if it holds, or lies in, what is not read from. */
export const textOf = (element: Element): string =>
  element.closest(UNREAD) || element.querySelector(UNREAD)
    ? ""
    : element.textContent!.replace(/\s+/g, " ").trim().slice(0, 64);

/** An id that somebody wrote: fewer than four digits, and none of the marks of React's and others' counters. */
const ID = /^(?!(\D*\d){4}|_r_)[a-z_][\w-]*$/i;
/** A class that says what an element is, not how it looks at the moment. */
const CLASS = /^(?!is-|has-|active|open|select)[a-z_-]+$/i;

/**
 * A path to an element, at most 256 bytes, the same each time the page is loaded: from the next ancestor that has a
 * name for tracking or an id that was not generated, else from the top. The first child of a type has no number.
 */
export const selectorOf = (start: Element): string => {
  let path = "";
  for (let element: Element | null = start; element;) {
    // Attributes, because a form's fields hide its properties of the same names.
    const track: string | null = element.getAttribute("data-track");
    const id = element.getAttribute("id") || "";
    let part = element.localName;
    let place = 1;
    for (let other: Element | null = element; (other = other.previousElementSibling);) {
      if (other.localName == element.localName) place++;
    }
    const name = element.classList[0] || "";
    if (CLASS.test(name)) part += "." + name;
    if (place > 1) part += `:nth-of-type(${place})`;
    element = element.parentElement || (element.getRootNode() as ShadowRoot).host;
    if (track || ID.test(id)) {
      part = track ? `[data-track="${track.slice(0, 60)}"]` : "#" + id;
      element = null;
    }
    if (path) part += ">" + path;
    if (part.length > 256) break;
    path = part;
  }
  return path;
};

/** Random enough to tell apart what one device sends. */
export const uid = (): string => Math.random().toString(36).slice(2);
