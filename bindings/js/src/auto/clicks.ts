import type { Json } from "../types.js";
import type { Start } from "./capture.js";
import { near, root, selectorOf, textOf, UNTOUCHED } from "./element.js";

/** What is meant when something inside it is clicked. */
const INTERACTIVE = "input,textarea,select,a,button,label,summary,[role=button],[data-track]";

/** Sends `Element Clicked`, and the event that a `data-track` names. */
export const clicks: Start = ({ host, address }, on) => {
  on("click", (event: MouseEvent) => {
    const element = near(event, INTERACTIVE)[0] || (event.composedPath()[0] as HTMLElement);
    const hidden = near(event, "[data-private]").pop();
    // The browser clicks a label's field as well: one click of a person.
    if (near(event, UNTOUCHED)[0] || (element as HTMLLabelElement).control) return;
    if (hidden) return host.track("Element Clicked", { selector: selectorOf(hidden) });
    const box = element.getBoundingClientRect();
    // A key has no place of its own.
    const keyed = !event.clientX && !event.clientY;
    host.track("Element Clicked", {
      selector: selectorOf(element),
      text: textOf(element),
      href: address(near(event, "a[href]")[0]?.getAttribute("href"))?.href,
      x: Math.round(keyed ? box.x + box.width / 2 + scrollX : event.pageX),
      y: Math.round(keyed ? box.y + box.height / 2 + scrollY : event.pageY),
      viewport_w: innerWidth,
      viewport_h: innerHeight,
      page_h: root().scrollHeight,
    });
    const named = near(event, "[data-track]")[0];
    if (named) {
      const properties: { [name: string]: Json } = {};
      for (const { name, value } of named.attributes) {
        if (/^data-track-/.test(name)) properties[name.slice(11).replace(/-/g, "_")] = value;
      }
      host.track(named.getAttribute("data-track")!, properties);
    }
  });
};
