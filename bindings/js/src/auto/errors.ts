import { Moment, type Start } from "./capture.js";

/** Reports of one view. */
const REPORTS_MAX = 10;
/** Characters of a stack. */
const STACK_MAX = 2048;

/** Addresses without what follows ? or #, line numbers kept. */
const plain = (text: unknown) => String(text ?? "").replace(/(\w:\/\/[^\s?#]*)[?#][^\s)]*?(?=(:\d+)*(\)|\s|$))/g, "$1");

/** Sends `Application Crashed`. */
export const errors: Start = ({ host }, on) => {
  let told: string[] = [];
  on(Moment.Begins, () => {
    told = [];
  });
  on("error unhandledrejection", (event) => {
    const error = event.error ?? event.reason;
    const properties = {
      message: plain(event.message ?? error?.message ?? error).slice(0, 512),
      source: plain(event.filename),
      line: event.lineno,
      column: event.colno,
      stack: plain(error?.stack).slice(0, STACK_MAX),
    };
    const same = JSON.stringify(properties);
    // An image that is not found is an event of this name too; it has no message.
    if (event.type == "error" && !event.message) return;
    if (told.length < REPORTS_MAX && !told.includes(same)) {
      told.push(same);
      host.track("Application Crashed", properties);
    }
  });
};
